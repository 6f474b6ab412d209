-- Apply one commit of one shard, or say why not. See cluster/store/base.py for the rules.
--
-- KEYS: meta, live, timers, outbox, marks, journal, dead, then one hash for each actor in the commit.
-- ARGV: epoch, number, now, journal entry, the changes packed by cluster/store/packing.py;
-- then anything if replicas are waited for.
-- Returns 1 applied, 2 applied before, 0 fenced, -1 diverged.
--
-- Redis does not roll a failed script back, so whatever can fail comes before the first write: unpacking, and then
-- XADD, which is also the first write and so the one that meets a full memory, a read-only replica or a failing disk.

local epoch, number = tonumber(ARGV[1]), tonumber(ARGV[2])
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'number', 'by')
local stored_epoch, stored_number = tonumber(meta[1] or 0), tonumber(meta[2] or 0)

if stored_epoch > epoch then
  return 0
end
if stored_number == number and tonumber(meta[3] or 0) == epoch then
  if ARGV[6] then
    -- Replicas are waited for on this connection, which counts only what it wrote itself: write, or WAIT says yes while
    -- they have nothing of what another connection wrote.
    redis.call('HSET', KEYS[1], 'by', ARGV[1])
  end
  return 2
end
if stored_epoch < epoch or stored_number ~= number - 1 then
  return -1
end

local puts, drops, ended, timers, outbox, marks, dead = unpack(cmsgpack.unpack(ARGV[5]))

-- Lua's stack holds 8,000 values, so long argument lists go in pieces (of an even size: HSET takes pairs).
local PIECE = 4000

local function call(command, key, list, first)
  local reply = 0
  for from = first, #list, PIECE do
    reply = reply + redis.call(command, key, unpack(list, from, math.min(from + PIECE - 1, #list)))
  end
  return reply
end

-- `changes` is {what to set as field, value, …; the fields to delete}.
local function change(key, changes)
  call('HSET', key, changes[1], 1)
  call('HDEL', key, changes[2], 1)
end

redis.call('XADD', KEYS[6], ARGV[2] .. '-0', 'e', ARGV[4])

-- An actor's key is the shard's prefix (that of `meta`), "a:" and its address; `live` lists addresses.
local ACTORS = 7
local address_from = #KEYS[1] - 4 + 3
local gone, born, emptied = {}, {}, {}

-- An actor may end and begin anew in one batch, so ends come first.
for i = 1, #ended do
  local key = KEYS[ACTORS + ended[i]]
  redis.call('UNLINK', key)
  gone[#gone + 1] = key:sub(address_from)
end
for i = 1, #puts do
  local fields = puts[i]
  if #fields > 0 and call('HSET', KEYS[ACTORS + i], fields, 1) * 2 == #fields then
    -- Every field was new. Perhaps the actor existed with other fields; adding it to the set again does no harm.
    born[#born + 1] = KEYS[ACTORS + i]:sub(address_from)
  end
end
for i = 1, #drops do
  local fields = drops[i] -- the actor's position, then the fields
  local key = KEYS[ACTORS + fields[1]]
  if call('HDEL', key, fields, 2) > 0 and redis.call('EXISTS', key) == 0 then
    emptied[#emptied + 1] = key:sub(address_from)
  end
end
call('SREM', KEYS[2], gone, 1)
call('SADD', KEYS[2], born, 1)
call('SREM', KEYS[2], emptied, 1)

change(KEYS[3], timers)
call('HDEL', KEYS[4], outbox[2], 1)
call('HSET', KEYS[4], outbox[1], 1)
change(KEYS[5], marks)
for i = 1, #dead do
  redis.call('XADD', KEYS[7], ARGV[2] .. '-' .. i, 'e', dead[i])
end
redis.call('HSET', KEYS[1], 'number', ARGV[2], 'by', ARGV[1], 'now', ARGV[3])
return 1
