-- Replace a document if its version is still the expected one.
--
-- KEYS: the document's hash. ARGV: expected version, content. Returns the new version, or -1.

local expected = tonumber(ARGV[1])
if tonumber(redis.call('HGET', KEYS[1], 'version') or 0) ~= expected then
  return -1
end
redis.call('HSET', KEYS[1], 'version', expected + 1, 'content', ARGV[2])
return expected + 1
