-- Make an epoch the shard's writer and read what is needed to run it; with epoch 0 only read.
--
-- KEYS: meta, live, timers, outbox, marks.
-- ARGV: epoch, or 0 to describe.
-- Returns the stored epoch alone when it is higher, else {epoch, number, now, live, timers, outbox, marks}.

local epoch = tonumber(ARGV[1])
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'number', 'now')
local stored = tonumber(meta[1] or 0)

if epoch > 0 then
  if stored > epoch then
    return stored
  end
  if stored < epoch then
    redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
    stored = epoch
  end
end
return {
  stored,
  tonumber(meta[2] or 0),
  tonumber(meta[3] or 0),
  redis.call('SMEMBERS', KEYS[2]),
  redis.call('HGETALL', KEYS[3]),
  redis.call('HGETALL', KEYS[4]),
  redis.call('HGETALL', KEYS[5]),
}
