-- Forget the oldest entries of a shard's journal, if the last of them is the one that the caller has elsewhere.
--
-- KEYS: journal.
-- ARGV: the last commit number to forget, the entry that it must have, the id of the first entry to keep.
-- Returns 1 when none of them is here (any more), 0 when the journal was left as it is: the entry is another one, or it
-- is the newest, which always stays and says where the journal ends.

local function number(entry)
  return tonumber(entry[1]:match('^%d+'))
end

local through = tonumber(ARGV[1])
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if not first or number(first) > through then
  return 1
end
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local last = redis.call('XRANGE', KEYS[1], ARGV[1] .. '-0', ARGV[1] .. '-0')[1]
if number(newest) <= through or not last or last[2][2] ~= ARGV[2] then
  return 0
end
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[3])
return 1
