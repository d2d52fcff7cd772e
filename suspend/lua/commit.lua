-- Stores a commit: checks everything, then writes everything.
-- Everything that it may refuse is refused before the first write; the first write is an HSET, which a full
-- memory refuses, so that nothing is ever half stored.
--
-- KEYS: every key that the arguments name by number.
-- ARGV: n, then n times a guard:
--         key, previous revision ("" = must not exist), operation, "1" if a terminal execution may change,
--         number of events it takes, and for each its field and the number of the record after which the wait began
--       then operations until the end, each a letter, a key and its arguments:
--         h key p s ...        HSET of p pairs as they are, then s pairs whose value gets "<now>|" in front
--         d key n ...          HDEL of n fields
--         f key field value    sets a field, unless it exists
--         + key ms member      ZADD at now + ms
--         = key score member   ZADD at a score ("+inf" is never)
--         - key member         ZREM
--         e key list set id message first
--                              a task for now, unless it exists; an alarm of that id becomes a task for now.
--                              first "1": ahead of everything that waits
--         a key set id message ms
--                              an alarm in ms (whole seconds, rounded up), unless the task exists
--         x key set id         withdraws an alarm, if it still is one
--         k key n              wakes n sleepers of the set (see tasks.SleepersKey)
--         # key field delta    HINCRBY; the field goes when it is no longer positive
--         s key member         SADD
--         u key                UNLINK
-- Returns {"ok"}, {"repeated"} (an operation of this commit is stored), or, with nothing written,
--         {"stale", number of the guard}, {"exists", …}, {"taken", …}.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp = string.format('%.0f', now) .. '|'
local i = 1

local function arg()
  i = i + 1
  return ARGV[i - 1]
end

local function key()
  return KEYS[tonumber(arg())]
end

local function guard(g)
  local k, prev, op, revived, fields = key(), arg(), arg(), arg(), tonumber(arg())
  local seen = redis.call('HMGET', k, 'r', 'E')
  local refusal
  if seen[1] == op then
    return 'repeated'
  elseif prev == '' then
    refusal = seen[1] and 'exists'
  elseif seen[1] ~= prev or (seen[2] and revived ~= '1') then
    refusal = 'stale'
  end
  for _ = 1, fields do
    local field, began = arg(), tonumber(arg())
    local taken = tonumber(redis.call('HGET', k, field) or '')
    if not refusal and taken and began > taken then
      refusal = 'taken' -- by waits of this execution that stood before this one began
    end
  end
  return refusal
end

local refused
for g = 1, tonumber(arg()) do
  local refusal = guard(g)
  if refusal == 'repeated' then
    return {refusal}
  end
  refused = refused or (refusal and {refusal, g})
end
if refused then
  return refused
end

local function pending(task, list, id, first)
  redis.call('HSET', task, 'state', 'pending', 'pending_since', time[1] .. string.format('%06d', time[2]) .. '000')
  redis.call(first == '1' and 'RPUSH' or 'LPUSH', list, id)
end

local ops = {}

ops['h'] = function()
  local k, plain, stamped = key(), tonumber(arg()), tonumber(arg())
  local values = {}
  for n = 1, plain * 2 do
    values[n] = arg()
  end
  for n = plain * 2 + 1, (plain + stamped) * 2, 2 do
    values[n], values[n + 1] = arg(), stamp .. arg()
  end
  for n = 1, #values, 2000 do
    redis.call('HSET', k, unpack(values, n, math.min(n + 1999, #values)))
  end
end

ops['d'] = function()
  local k, n = key(), tonumber(arg())
  for from = i, i + n - 1, 2000 do
    redis.call('HDEL', k, unpack(ARGV, from, math.min(from + 1999, i + n - 1)))
  end
  i = i + n
end

ops['f'] = function()
  local k, field, value = key(), arg(), arg()
  redis.call('HSETNX', k, field, value)
end

ops['+'] = function()
  local k, ms, member = key(), tonumber(arg()), arg()
  redis.call('ZADD', k, string.format('%.0f', now + ms), member)
end

ops['='] = function()
  local k, score, member = key(), arg(), arg()
  redis.call('ZADD', k, score, member)
end

ops['-'] = function()
  local k, member = key(), arg()
  redis.call('ZREM', k, member)
end

ops['e'] = function()
  local task, list, set, id, message, first = key(), key(), key(), arg(), arg(), arg()
  if redis.call('EXISTS', task) == 0 then
    redis.call('HSET', task, 'msg', message)
    pending(task, list, id, first)
  elseif redis.call('ZREM', set, id) == 1 then
    pending(task, list, id, first)
  end
end

ops['a'] = function()
  local task, set, id, message, ms = key(), key(), arg(), arg(), tonumber(arg())
  if redis.call('EXISTS', task) == 0 then
    redis.call('HSET', task, 'msg', message, 'state', 'scheduled')
    redis.call('ZADD', set, string.format('%.0f', math.ceil((now + ms) / 1000)), id)
  end
end

ops['x'] = function()
  local task, set, id = key(), key(), arg()
  if redis.call('ZREM', set, id) == 1 then
    redis.call('DEL', task)
  end
end

ops['k'] = function()
  local sleepers, n = key(), arg()
  local told = redis.pcall('SPOP', sleepers, n) -- waking is a courtesy: it must not break what is written already
  for _, list in ipairs(told.err and {} or told) do
    redis.pcall('LPUSH', list, '1')
    redis.pcall('EXPIRE', list, 60)
  end
end

ops['#'] = function()
  local k, field, delta = key(), arg(), arg()
  if redis.call('HINCRBY', k, field, delta) <= 0 then
    redis.call('HDEL', k, field)
  end
end

ops['s'] = function()
  local k, member = key(), arg()
  redis.call('SADD', k, member)
end

ops['u'] = function()
  redis.call('UNLINK', key())
end

while i <= #ARGV do
  ops[arg()]()
end
return {'ok'}
