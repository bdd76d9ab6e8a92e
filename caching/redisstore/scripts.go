package redisstore

import "github.com/redis/go-redis/v9"

// The scripts name keys beside the one they are given: pieces of the same entry,
// which have the same hash tag and so are on the same node of a cluster.
//
// pieces is their common beginning: it returns nonce, number of pieces and ID
// from a descriptor, and sets the time to live of pieces.
const pieces = `
local function describe(b)
	if type(b) ~= 'string' then return nil end
	local nonce, n, id = string.match(b, '^1 (%x+) (%d+) (%x+) ')
	n = tonumber(n)
	if n == nil then return nil end
	return nonce, n, id
end
local function live(prefix, nonce, n, most, ms)
	local found = 0
	if nonce == nil or n > tonumber(most) then return found end
	for i = 0, n - 1 do
		found = found + redis.call('PEXPIRE', prefix .. nonce .. ':' .. i, ms)
	end
	return found
end
local function descriptor(key)
	local t = redis.call('TYPE', key)
	if type(t) == 'table' then t = t.ok end
	if t == 'none' then return nil, false end
	if t ~= 'hash' then return nil, true end
	return redis.call('HGET', key, 'b'), true
end
`

var (
	// commitScript (head; prefix, descriptor, meta, ms, ms of pieces, ms of
	// grace, most pieces, version, version that is replaced[, inline body]) replaces the
	// entry. It returns 0 if a piece was lost, and -1 if another version is there.
	commitScript = redis.NewScript(pieces + `
local old, there = descriptor(KEYS[1])
if ARGV[9] ~= '0' then
	local now = 'ffffffffffffffff'
	if old then now = redis.call('HGET', KEYS[1], 'v') end
	if now ~= ARGV[9] then return -1 end
end
local nonce, n = describe(ARGV[2])
if live(ARGV[1], nonce, n, ARGV[7], ARGV[5]) ~= n then return 0 end
if there and not old then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'b', ARGV[2], 'm', ARGV[3], 'v', ARGV[8])
if ARGV[10] then
	redis.call('HSET', KEYS[1], 'd', ARGV[10])
else
	redis.call('HDEL', KEYS[1], 'd')
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local before, m = describe(old)
if before ~= nonce then live(ARGV[1], before, m, ARGV[7], ARGV[6]) end
return 1
`)

	// updateScript (head; prefix, ID, meta, ms, ms of pieces, most pieces, version,
	// version that is replaced) replaces the metadata. It returns 0 if the entry is another.
	updateScript = redis.NewScript(pieces + `
local nonce, n, id = describe((descriptor(KEYS[1])))
if nonce == nil or id ~= ARGV[2] then return 0 end
if ARGV[8] ~= '0' and redis.call('HGET', KEYS[1], 'v') ~= ARGV[8] then return 0 end
redis.call('HSET', KEYS[1], 'm', ARGV[3], 'v', ARGV[7])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
live(ARGV[1], nonce, n, ARGV[6], ARGV[5])
return 1
`)

	// dropScript (head; prefix, ms of grace, most pieces[, descriptor, meta])
	// removes the entry, if it is still the one described.
	dropScript = redis.NewScript(pieces + `
local b, there = descriptor(KEYS[1])
if not there then return 0 end
if ARGV[4] and (b or '') ~= ARGV[4] then return 0 end
if ARGV[5] and b and (redis.call('HGET', KEYS[1], 'm') or '') ~= ARGV[5] then return 0 end
redis.call('DEL', KEYS[1])
local nonce, n = describe(b)
live(ARGV[1], nonce, n, ARGV[3], ARGV[2])
return 1
`)

	// releaseScript (lease; token) gives a lease back, unless it has ended and
	// another has it.
	releaseScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`)
)
