package main

import "strings"

// section is a table with a title, and what it is about.
type section struct {
	title, about string
	rows         []row
}

// at names a metric.
func at(bench, unit string) metric { return metric{bench, unit} }

// inTurn is a row of a benchmark that runs a floor, ours and others in turn, and reports ratios.
func inTurn(work, bench, floor, ours string, less float64, peers ...string) row {
	r := row{work: work, floor: at(bench, "ns/"+floor), ours: at(bench, ours+"/"+floor), less: less}
	for _, p := range peers {
		r.peers = append(r.peers, at(bench, p+"/"+floor))
	}
	return r
}

// counted adds allocations to a row.
func (r row) counted(bench, unit string, most float64) row {
	r.allocs, r.maxAllocs = at(bench, unit), most
	return r
}

// beyond says of which benchmark the allocations are not counted.
func (r row) beyond(bench string) row {
	r.bare = at(bench, r.allocs.unit)
	return r
}

// timed is inTurn for a limit in nanoseconds.
func timed(work, bench string, less float64, peers ...string) row {
	r := row{work: work, floor: at(bench, "ns/floor"), ours: at(bench, "ns/ours"), less: less}
	for _, p := range peers {
		r.peers = append(r.peers, at(bench, "ns/"+p))
	}
	return r
}

// absolute is a row of values that are no ratios.
func absolute(work, unit, ours string, less float64, benches ...string) row {
	r := row{work: work, ours: at(ours, unit), less: less}
	for i, bench := range benches {
		if i == 0 {
			r.floor = at(bench, unit)
		} else {
			r.peers = append(r.peers, at(bench, unit))
		}
	}
	return r
}

// trips is a row of round trips to a server that a request waits for.
func trips(store, work string, most float64) row {
	return absolute(work, "trips/ours", "Trips/"+store+".Store/"+strings.ReplaceAll(work, " ", "_"), most)
}

const allocs = "allocs/op"

// The rows, with what is to be reached. To add one, add a benchmark and say here what it reports.
var sections = []section{
	{
		"Caching in memory",
		"The floor is the least that a correct cache can do; httpcache is that of gregjones, otter the same over otter.",
		[]row{
			inTurn("fresh hit, 1 KiB", "CachingHit/1KiB/ratio", "floor", "ours", 2, "httpcache", "otter").counted("CachingHit/1KiB/ours", allocs, 8),
			inTurn("fresh hit, 64 KiB", "CachingHit/64KiB/ratio", "floor", "ours", 2, "httpcache", "otter").counted("CachingHit/64KiB/ours", allocs, 8),
			inTurn("fresh hit, 1 MiB", "CachingHit/1024KiB/ratio", "floor", "ours", 2, "httpcache", "otter").counted("CachingHit/1024KiB/ours", allocs, 8),
			inTurn("one of 10 variants", "CachingVariants/ratio", "floor", "ours", 2.5, "httpcache", "otter").counted("CachingVariants/ours", allocs, 8),
			inTurn("validated by 304, 1 KiB", "CachingValidate/1KiB/ratio", "floor", "ours", 2, "httpcache", "otter").counted("CachingValidate/1KiB/ours", allocs, 26),
			inTurn("validated by 304, 1 MiB", "CachingValidate/1024KiB/ratio", "floor", "ours", 2, "httpcache", "otter").counted("CachingValidate/1024KiB/ours", allocs, 26),
			inTurn("miss and store, 64 KiB", "CachingMiss/ratio", "floor", "ours", 1.8, "httpcache", "otter").counted("CachingMiss/ours", allocs, 0),
			timed("miss and store, 100 fields", "CachingFields/100/ratio", 45_000, "httpcache", "otter").counted("CachingFields/100/ours", allocs, 0),
			timed("hit at 10⁵ random keys", "ScaleHit/100000/ratio", 4500, "httpcache", "otter").
				counted("ScaleHit/100000/ours", allocs, 8),
		},
	},
	{
		"Many users, many entries",
		"The floor is what one user, one domain, or one entry among a hundred costs; of Purge in a directory, a file that takes the place of another; of the longest store, that of a memory that has room.",
		[]row{
			absolute("hit of one of 10⁴ users of a URL", "ns/ours", "ScaleUsers/10000/hit", 0, "ScaleUsers/1/hit"),
			absolute("store for one more of them", "ns/ours", "ScaleUsers/10000/store", 20_000, "ScaleUsers/1/store"),
			absolute("Purge of one URL among 10⁵, in memory", "ns/ours", "ScalePurge/100000/memory", 1e6, "ScalePurge/100/memory"),
			absolute("the same, in a directory", "ns/ours", "ScalePurge/100000/directory", 1e6, "ScalePurge/file"),
			inTurn("hit, credentials of 10⁴ domains below", "Credentials/hit", "1", "10000", 1.2),
			inTurn("signed with credentials of one of 10⁵ domains", "Credentials/sign", "1", "100000", 1.5),
			{work: "longest store in a full memory of 10⁵, collections apart", floor: at("ScaleEvict/100000", "worst-us/roomy"), ours: at("ScaleEvict/100000", "worst-us/ours"), less: 100},
		},
	},
	{
		"Caching in a directory",
		"The floor is a bare file: opened, read to its end in pieces of 32 KiB, and closed.",
		[]row{
			inTurn("hit, 1 KiB", "StoreDir/1KiB", "bare", "dir", 1.5, "readfile").counted("StoreDir/1KiB", "allocs/dir", 20),
			inTurn("hit, 64 KiB", "StoreDir/64KiB", "bare", "dir", 1.5, "readfile").counted("StoreDir/64KiB", "allocs/dir", 20),
			inTurn("hit, 1 MiB", "StoreDir/1024KiB", "bare", "dir", 1.5, "readfile").counted("StoreDir/1024KiB", "allocs/dir", 20),
			inTurn("the same, encrypted", "StoreDir/1024KiB", "bare", "encrypted", 0).counted("StoreDir/1024KiB", "allocs/encrypted", 0),
			inTurn("hit of the whole cache, 1 KiB", "DirectoryHit/1KiB", "bare", "ours", 2).counted("DirectoryHit/1KiB", "allocs/ours", 20),
			inTurn("hit of the whole cache, 1 MiB", "DirectoryHit/1024KiB", "bare", "ours", 2).counted("DirectoryHit/1024KiB", "allocs/ours", 20),
		},
	},
	{
		"All layers",
		"The floor is net/http alone. Layers with credentials sign each request.",
		[]row{
			inTurn("nothing to do, loopback", "Chain/interleaved", "bare", "nothing", 1.1).counted("Chain/all-nothing-to-do", allocs, 8).beyond("Chain/bare"),
			inTurn("hit", "Chain/interleaved", "bare", "hit", 0.08).counted("Chain/all-hit", allocs, 14),
			inTurn("credentials unused, in process", "Idle/process/ratio", "bare", "none", 3.5).counted("Idle/process/none", allocs, 8).beyond("Idle/process/bare"),
			inTurn("the same, and they are sent", "Idle/process/ratio", "bare", "basic", 3.5).counted("Idle/process/basic", allocs, 8).beyond("Idle/process/bare"),
			inTurn("credentials unused, loopback", "Idle/wire/ratio", "bare", "none", 1.1).counted("Idle/wire/none", allocs, 8).beyond("Idle/wire/bare"),
			inTurn("the same, and they are sent", "Idle/wire/ratio", "bare", "basic", 1.1).counted("Idle/wire/basic", allocs, 8).beyond("Idle/wire/bare"),
			inTurn("cacheproxy: hit, 1 KiB", "Hit", "static", "proxy", 1.6),
		},
	},
	{
		"One layer each",
		"The floor of each stands beside its benchmark.",
		[]row{
			inTurn("retry: the first try succeeds", "RetryFirstTry", "bare", "ours", 1.15, "retryablehttp", "failsafehttp", "rehttp").counted("RetryAllocs/ours/first_try", allocs, 1).beyond("RetryAllocs/bare/first_try"),
			inTurn("retry: the third try succeeds", "RetryTwoFailures", "floor", "ours", 0, "retryablehttp", "failsafehttp", "rehttp"),
			inTurn("auth: Digest, MD5, nonce known", "Digest/MD5/ratio", "floor", "tripper", 1.5, "icholy").counted("Digest/MD5/tripper", allocs, 16),
			inTurn("auth: Digest, SHA-256, nonce known", "Digest/SHA-256/ratio", "floor", "tripper", 1.5, "icholy").counted("Digest/SHA-256/tripper", allocs, 16),
			{work: "decompress: gzip, 100 KiB, to gzhttp", floor: at("Decompress/gzip/100KiB", "gzhttp-ns"), ours: at("Decompress/gzip/100KiB", "ours/gzhttp"), less: 1.05},
			{work: "decompress: zstd, 100 KiB, to gzhttp", floor: at("Decompress/zstd/100KiB", "gzhttp-ns"), ours: at("Decompress/zstd/100KiB", "ours/gzhttp"), less: 1.05},
			{work: "decompress: br, 100 KiB, to a pooled decoder", floor: at("Decompress/br/100KiB", "floor-ns"), ours: at("Decompress/br/100KiB", "ours/floor"), less: 1.1},
			{work: "decompress: deflate, 100 KiB, to a pooled decoder", floor: at("Decompress/deflate/100KiB", "floor-ns"), ours: at("Decompress/deflate/100KiB", "ours/floor"), less: 1.1},
			inTurn("transport: GET over loopback", "Transport", "floor", "ours", 0, "cleanhttp"),
		},
	},
}

// behaviour are the rows of what is no time.
var behaviour = []section{
	{
		"Requests, bytes and pauses",
		"The floor of a Commit is a bare file that is written and renamed; roomy is a directory of as many entries with room for more.",
		[]row{
			absolute("100 cold callers: requests to the origin", "requests/ours", "Stampede/cold", 1, ""),
			absolute("100 validating callers: requests to the origin", "requests/ours", "Stampede/validating", 1, ""),
			absolute("first byte, after that of an origin that dribbles", "median-ms/ours", "FirstByte", 5),
			absolute("512 MiB through a directory: memory in use", "MiB/ours", "BigBody", 32),
			absolute("miss and store, 64 KiB: bytes allocated", "B/op", "CachingMiss/ours", 1.15*(64<<10), "CachingMiss/floor", "CachingMiss/httpcache", "CachingMiss/otter"),
			absolute("fresh hit, 1 MiB: bytes allocated", "B/op", "CachingHit/1024KiB/ours", 1200, "CachingHit/1024KiB/floor", "CachingHit/1024KiB/httpcache", "CachingHit/1024KiB/otter"),
			{work: "longest Commit in a full directory of 10⁵", floor: at("DirectoryPause/100000", "worst-ms/floor"), ours: at("DirectoryPause/100000", "worst-ms/ours"), peers: []metric{at("DirectoryPause/100000", "worst-ms/roomy")}, less: 10},
			{work: "the same, in processor time", floor: at("DirectoryPause/100000", "worst-cpu-ms/floor"), ours: at("DirectoryPause/100000", "worst-cpu-ms/ours"), peers: []metric{at("DirectoryPause/100000", "worst-cpu-ms/roomy")}, less: 10},
			{work: "all but one in a thousand", floor: at("DirectoryPause/100000", "p99.9-ms/floor"), ours: at("DirectoryPause/100000", "p99.9-ms/ours"), peers: []metric{at("DirectoryPause/100000", "p99.9-ms/roomy")}},
		},
	},
	{
		"Round trips on Redis",
		"Those that a request waits for. The record of a user or a variant is believed for a moment.",
		[]row{
			trips("redisstore", "hit, 1 KiB", 1),
			trips("redisstore", "hit, 60 KiB", 1),
			trips("redisstore", "hit, 1 MiB", 2),
			trips("redisstore", "hit of a user", 1),
			trips("redisstore", "hit of a variant", 1),
			trips("redisstore", "hit of a variant, first of a process", 2),
			trips("redisstore", "no-store", 1),
			trips("redisstore", "miss and store", 2),
			trips("redisstore", "304, 60 KiB", 2),
			trips("redisstore", "PUT", 1),
		},
	},
	{
		"Round trips on memcached",
		"",
		[]row{
			trips("memcachestore", "hit, 1 KiB", 2),
			trips("memcachestore", "hit, 60 KiB", 2),
			trips("memcachestore", "hit, 1 MiB", 3),
			trips("memcachestore", "hit of a user", 3),
			trips("memcachestore", "no-store", 1),
			trips("memcachestore", "no-store, again", 1),
			trips("memcachestore", "miss and store", 4),
			trips("memcachestore", "304, 1 KiB", 3),
			trips("memcachestore", "304, 60 KiB", 3),
			trips("memcachestore", "PUT", 2),
		},
	},
	{
		"Locks",
		"The part of their time that 64 goroutines wait for the mutex that they wait for longest, in per cent. The floor is a map whose parts have a mutex each.",
		[]row{
			absolute("hits", "%worst", "Locks/hit/ours", 5, "Locks/hit/floor"),
			absolute("misses", "%worst", "Locks/miss/ours", 5, "Locks/miss/floor"),
			absolute("misses of a full store", "%worst", "Locks/miss_of_a_full_store/ours", 5),
			absolute("validations", "%worst", "Locks/304/ours", 5, "Locks/304/floor"),
			absolute("unsafe requests", "%worst", "Locks/PUT/ours", 5),
		},
	},
	{
		"Size of a program",
		"What a program that uses one thing is larger than one that uses net/http alone, built with -ldflags '-s -w'.",
		[]row{
			absolute("a hook of trace", "KiB/ours", "Binary/hook", 40),
			absolute("the same with trace.Wire", "KiB/ours", "Binary/wire", 0),
			absolute("redirects", "KiB/ours", "Binary/redirects", 120),
			absolute("retry", "KiB/ours", "Binary/retry", 250),
		},
	},
	{
		"Memory at 10⁶ entries",
		"",
		[]row{
			absolute("heap over the body", "B/entry", "ScaleHeap/1000000/ours", 1100, "ScaleHeap/1000000/floor", "ScaleHeap/1000000/httpcache", "ScaleHeap/1000000/otter"),
			absolute("objects", "objects/entry", "ScaleHeap/1000000/ours", 6, "ScaleHeap/1000000/floor", "ScaleHeap/1000000/httpcache", "ScaleHeap/1000000/otter"),
			absolute("one garbage collection, processor time", "s/GC", "ScaleHeap/1000000/ours", 1, "ScaleHeap/1000000/floor", "ScaleHeap/1000000/httpcache", "ScaleHeap/1000000/otter"),
		},
	},
}
