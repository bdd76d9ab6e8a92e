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

	// findScript (head, lease; version that was seen, token, ms, always) reads an entry and takes the
	// lease, if the token is not empty and either always is 1 or nothing is stored. Version - stands for no
	// wish to read. It returns the lease: nil if it was not wanted, 1, 0 if another has it, or the
	// error; and then, if that was wished, 1 if the entry is as it was seen, 2 if the value is
	// none, or 0 and the fields. A server without room for the lease still gives the entry.
	findScript = redis.NewScript(`
local t = redis.call('TYPE', KEYS[1])
if type(t) == 'table' then t = t.ok end
local lease = false
if ARGV[2] ~= '' and (ARGV[4] == '1' or t == 'none') then
	lease = redis.pcall('SET', KEYS[2], ARGV[2], 'PX', ARGV[3], 'NX')
	if type(lease) == 'table' and lease.err then
		lease = lease.err
	elseif lease then
		lease = 1
	else
		lease = 0
	end
end
if ARGV[1] == '-' then return {lease} end
if t ~= 'hash' and t ~= 'none' then return {lease, 2} end
if ARGV[1] ~= '0' then
	local now = 'ffffffffffffffff'
	if t == 'hash' then now = redis.call('HGET', KEYS[1], 'v') end
	if now == ARGV[1] then return {lease, 1} end
end
local h = redis.call('HMGET', KEYS[1], 'b', 'm', 'd')
return {lease, 0, h[1], h[2], h[3]}
`)

	// releaseScript (lease; token) gives a lease back, unless it has ended and
	// another has it.
	releaseScript = redis.NewScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`)
)
