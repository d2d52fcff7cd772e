-- Stores a commit: checks everything, then writes everything.
-- Everything that it may refuse is refused before the first write; the first write is an HSET, which a full
-- memory refuses, so that nothing is ever half stored. Tasks are hints: what somebody made of asynq's keys must not keep a commit from
-- being stored whole, so they are written with pcall, and what cannot be written is left to the due index.
--
-- KEYS: every key that the arguments name by number.
-- ARGV: n, then n times a guard:
--         key, previous revision ("" = must not exist), operation, "1" if a terminal execution may change,
--         number of fields to remove if they are there, and these,
--         number of events it takes, and for each its field and the number of the record after which the wait began
--       then operations until the end, each a letter, a key and its arguments:
--         ? key                refuses the commit if the feed of the partition exists; only as the first operation
--         ! key n x w s e      an entry of the feed, if that exists: execution, workflow, status, facts; n are kept, about
--         h key p s ...        HSET of p pairs as they are, then s pairs whose value gets "<now>|" in front
--         v key form n ... p s ...
--                              the same of an execution, whose second pair is the front: the states of n nodes (node, state) go into the
--                              front if form is "1", or if it has such already, else into fields
--         d key n ...          HDEL of n fields
--         f key field value    sets a field, unless it exists
--         + key ms member      ZADD at now + ms
--         = key score member   ZADD at a score ("+inf" is never)
--         - key member         ZREM
--         n key list id message first
--                              a new task for now; nothing of its id can exist. first "1": ahead of everything that waits
--         e key list set id message first
--                              a task for now, unless it exists; an alarm of that id becomes a task for now
--         t key active lease paused list id message s
--                              a new task that the caller works on from now, for s seconds; while the queue is paused: as n, first
--         p list active lease paused n s prefix
--                              takes n tasks from the head of a queue, for s seconds, unless it is paused; the key of a task is the prefix and its id
--         r key active lease id
--                              acknowledges a task, if it is being worked on
--         a key set id message ms
--                              an alarm in ms (whole seconds, rounded up), unless the task exists
--         x key set id         withdraws an alarm, if it still is one
--         k key n              wakes n sleepers of the set (see tasks.SleepersKey)
--         # key field delta    HINCRBY; the field goes when it is no longer positive
--         s key member         SADD
--         u key                UNLINK
-- Returns {"ok", now in ms, number of tasks taken by "t", {id and message of each task of "p", …}, key of each task acknowledged, …},
--         {"repeated"} (an operation of this commit is stored), or, with nothing written, {"stale", number of the guard}, {"exists", …}, {"taken", …}, {"feed"}.

local call, hint, KEYS, ARGV = redis.call, redis.pcall, KEYS, ARGV
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local millis = string.format('%.0f', now)
local i = 2

local fronts = {} -- by key, as they were
local claims = {} -- field and key of each that is to be removed

-- found notes which of the fields from one argument to another were there; values has theirs from a place on.
local function found(key, from, to, values, at)
  for n = from, to do
    if values[at + n - from] then
      claims[#claims + 1] = ARGV[n]
      claims[#claims + 1] = key
    end
  end
end

local function refusal(key, prev, op, revived, loose, last)
  local most = math.min(last, loose + 999)
  local seen = call('HMGET', key, 'r', 'E', 'f', unpack(ARGV, loose, most))
  fronts[key] = seen[3]
  if seen[1] == op then
    return 'repeated'
  elseif prev == '' then
    return seen[1] and 'exists'
  elseif seen[1] ~= prev or (seen[2] and revived ~= '1') then
    return 'stale'
  end
  found(key, loose, most, seen, 4)
  for from = most + 1, last, 1000 do
    local to = math.min(last, from + 999)
    found(key, from, to, call('HMGET', key, unpack(ARGV, from, to)), 1)
  end
  for n = last + 2, last + 2 * ARGV[last + 1], 2 do
    local taken = call('HGET', key, ARGV[n])
    if taken and tonumber(ARGV[n + 1]) > tonumber(taken) then
      return 'taken' -- by waits of this execution that stood before this one began
    end
  end
end

local refused
for g = 1, tonumber(ARGV[1]) do
  local last = i + 4 + ARGV[i + 4]
  local why = refusal(KEYS[tonumber(ARGV[i])], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], i + 5, last)
  if why == 'repeated' then
    return {why}
  end
  refused = refused or (why and {why, g})
  i = last + 2 + 2 * ARGV[last + 1]
end
if refused then
  return refused
end

local function since() -- in nanoseconds, as asynq notes since when a task waits
  return time[1] .. string.format('%06d', time[2]) .. '000'
end

-- The front with states of nodes, some of which the arguments from one to another tell anew.
local function with(front, states, first, last)
  for n = first, last, 2 do
    local name = ';' .. ARGV[n] .. ':'
    local from = string.find(states, name, 1, true)
    local behind = from and string.find(states, ';', from + 1, true)
    states = string.sub(states, 1, (from or 0) - 1) .. name .. ARGV[n + 1] .. (behind and string.sub(states, behind) or '')
  end
  local counts, body = string.match(front, '^(%d+|%d+|)(.*)$')
  return counts .. states .. '|' .. body
end

local function push(first, list, id)
  hint(first == '1' and 'RPUSH' or 'LPUSH', list, id)
end

local pulled = {}
local out = {'ok', millis, 0, pulled}
local last = #ARGV
while i <= last do
  local op, key = ARGV[i], KEYS[tonumber(ARGV[i + 1])]
  if op == 'v' then
    local states = string.match(fronts[key] or '', '^%d+|%d+|([^{|]*)|') or ARGV[i + 2] == '1' and ''
    local first = i + 4
    local rest = first + 2 * ARGV[i + 3]
    if states then
      ARGV[rest + 5] = with(ARGV[rest + 5], states, first, rest - 2)
    else
      for n = first, rest - 2, 2 do
        call('HSET', key, 'n' .. ARGV[n], ARGV[n + 1])
      end
    end
    op, i = 'h', rest - 2
  end
  if op == 'h' then
    local plain, from = i + 3 + 2 * ARGV[i + 2], i + 4
    local to = plain + 2 * ARGV[i + 3]
    for n = plain + 2, to, 2 do
      ARGV[n] = millis .. '|' .. ARGV[n]
    end
    for n = from, to, 2000 do
      call('HSET', key, unpack(ARGV, n, math.min(n + 1999, to)))
    end
    i = to + 1
  elseif op == '+' then
    call('ZADD', key, string.format('%.0f', now + ARGV[i + 2]), ARGV[i + 3])
    i = i + 4
  elseif op == '-' then
    call('ZREM', key, ARGV[i + 2])
    i = i + 3
  elseif op == 'd' then
    local to = i + 2 + ARGV[i + 2]
    for n = i + 3, to, 2000 do
      call('HDEL', key, unpack(ARGV, n, math.min(n + 1999, to)))
    end
    i = to + 1
  elseif op == 'r' then
    local id = ARGV[i + 4]
    local removed = hint('LREM', KEYS[tonumber(ARGV[i + 2])], 0, id)
    if type(removed) == 'number' and removed > 0 then
      hint('ZREM', KEYS[tonumber(ARGV[i + 3])], id)
      call('DEL', key)
      out[#out + 1] = key
    elseif hint('HGET', key, 'state') == 'active' then
      call('DEL', key) -- the list was deleted: nobody else removes what is left of the task
    end
    i = i + 5
  elseif op == 't' then
    local list, id, message = KEYS[tonumber(ARGV[i + 5])], ARGV[i + 6], ARGV[i + 7]
    if call('EXISTS', KEYS[tonumber(ARGV[i + 4])]) == 0 then
      hint('HSET', key, 'msg', message, 'state', 'active')
      hint('LPUSH', KEYS[tonumber(ARGV[i + 2])], id)
      hint('ZADD', KEYS[tonumber(ARGV[i + 3])], time[1] + ARGV[i + 8], id)
      out[3] = out[3] + 1
    else
      hint('HSET', key, 'msg', message, 'state', 'pending', 'pending_since', since())
      push('1', list, id)
    end
    i = i + 9
  elseif op == 'p' then
    local active, lease = KEYS[tonumber(ARGV[i + 2])], KEYS[tonumber(ARGV[i + 3])]
    for _ = 1, call('EXISTS', KEYS[tonumber(ARGV[i + 4])]) == 0 and tonumber(ARGV[i + 5]) or 0 do
      local id = hint('RPOPLPUSH', key, active)
      if type(id) ~= 'string' then
        break
      end
      local task = ARGV[i + 7] .. id
      local message = hint('HGET', task, 'msg')
      if type(message) == 'string' then
        hint('HSET', task, 'state', 'active')
        hint('HDEL', task, 'pending_since')
        hint('ZADD', lease, time[1] + ARGV[i + 6], id)
        pulled[#pulled + 1] = id
        pulled[#pulled + 1] = message
      else
        hint('LREM', active, 1, id) -- what was deleted is no task
      end
    end
    i = i + 8
  elseif op == 'n' then
    hint('HSET', key, 'msg', ARGV[i + 4], 'state', 'pending', 'pending_since', since())
    push(ARGV[i + 5], KEYS[tonumber(ARGV[i + 2])], ARGV[i + 3])
    i = i + 6
  elseif op == 'k' then
    local told = hint('SPOP', key, ARGV[i + 2])
    for _, list in ipairs(told.err and {} or told) do
      hint('LPUSH', list, '1')
      hint('EXPIRE', list, 60)
    end
    i = i + 3
  elseif op == '=' then
    call('ZADD', key, ARGV[i + 2], ARGV[i + 3])
    i = i + 4
  elseif op == 'f' then
    call('HSETNX', key, ARGV[i + 2], ARGV[i + 3])
    i = i + 4
  elseif op == 'e' then
    local list, id = KEYS[tonumber(ARGV[i + 2])], ARGV[i + 4]
    if hint('ZREM', KEYS[tonumber(ARGV[i + 3])], id) == 1 or call('EXISTS', key) == 0 then
      hint('HSET', key, 'msg', ARGV[i + 5], 'state', 'pending', 'pending_since', since())
      push(ARGV[i + 6], list, id)
    end
    i = i + 7
  elseif op == 'a' then
    if call('EXISTS', key) == 0 then
      hint('HSET', key, 'msg', ARGV[i + 4], 'state', 'scheduled')
      hint('ZADD', KEYS[tonumber(ARGV[i + 2])], string.format('%.0f', math.ceil((now + ARGV[i + 5]) / 1000)), ARGV[i + 3])
    end
    i = i + 6
  elseif op == 'x' then
    if hint('ZREM', KEYS[tonumber(ARGV[i + 2])], ARGV[i + 3]) == 1 or hint('HGET', key, 'state') == 'scheduled' then
      call('DEL', key)
    end
    i = i + 4
  elseif op == '#' then
    if call('HINCRBY', key, ARGV[i + 2], ARGV[i + 3]) <= 0 then
      call('HDEL', key, ARGV[i + 2])
    end
    i = i + 4
  elseif op == 's' then
    call('SADD', key, ARGV[i + 2])
    i = i + 3
  elseif op == 'u' then
    call('UNLINK', key)
    i = i + 2
  elseif op == '?' then
    if call('EXISTS', key) == 1 then
      return {'feed'}
    end
    i = i + 2
  elseif op == '!' then
    hint('XADD', key, 'NOMKSTREAM', 'MAXLEN', '~', ARGV[i + 2], '*',
      'x', ARGV[i + 3], 'w', ARGV[i + 4], 's', ARGV[i + 5], 'e', ARGV[i + 6])
    i = i + 7
  else
    error('operation ' .. tostring(op))
  end
end
for n = 1, #claims, 2 do
  call('HDEL', claims[n + 1], claims[n])
end
return out
