-- Reads fields of executions.
--
-- KEYS: the executions
-- ARGV: for each of them n, and n fields
-- Returns {now in ms, {value, …} of each}

local time = redis.call('TIME')
local out = {string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))}
local i = 1
for k, key in ipairs(KEYS) do
  local last = i + ARGV[i]
  out[k + 1] = redis.call('HMGET', key, unpack(ARGV, i + 1, last))
  i = last + 1
end
return out
