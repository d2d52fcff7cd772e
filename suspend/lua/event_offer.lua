-- Offers an event to waits: gives them a place among those who may take it, and says what became of others.
--
-- KEYS and ARGV as event.lua says, then for how long its publisher is left alone, in ms ("" = a wait found it itself),
-- and pairs of a wait and its group
-- Returns {"over"} when nobody may take it any more, or {"ok", n, n waits that have a place, and, unless all have, at most
-- 100 others that hold one}

local lease = arg()
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

if not open and spent() then
  drop()
end
if not open then
  local ends = tonumber(redis.call('HGET', KEYS[1], 'until') or '')
  if lease ~= '' or not ends or ends <= now or not redis.call('ZSCORE', KEYS[2], id) then
    return {'over'}
  end
elseif lease ~= '' then
  redis.call('ZADD', KEYS[3], 'XX', string.format('%.0f', now + lease), name)
end

local offered, held, total = {}, {}, redis.call('SCARD', KEYS[5])
local asked = redis.call('HGETALL', KEYS[4])
for n = 1, #asked, 2 do
  offered[asked[n]], total = true, total + 1
  held[asked[n + 1]] = (held[asked[n + 1]] or 0) + 1
end

local function room(group)
  local most = places(group)
  if group == '' and not open and not keep then
    most = 1
  end
  if limit > 0 and total >= limit then
    return false
  end
  return not most or (held[group] or 0) + tonumber(redis.call('HGET', KEYS[1], 'n:' .. group) or '0') < most
end

local has, refused = {}, false
while i < #ARGV do
  local wait, group = arg(), arg()
  if offered[wait] or redis.call('SISMEMBER', KEYS[5], wait) == 1 then
    has[#has + 1] = wait
    offered[wait] = nil
  elseif room(group) then
    has[#has + 1] = wait
    redis.call('HSET', KEYS[4], wait, group)
    held[group], total = (held[group] or 0) + 1, total + 1
  else
    refused = true
  end
end
redis.call('PEXPIRE', KEYS[4], math.max(1, redis.call('PTTL', KEYS[1])))

local answer = {'ok', tostring(#has)}
for _, wait in ipairs(has) do
  answer[#answer + 1] = wait
end
for wait in pairs(refused and offered or {}) do
  if #answer < #has + 102 then
    answer[#answer + 1] = wait
  end
end
return answer
