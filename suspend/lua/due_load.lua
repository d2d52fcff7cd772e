-- Reads fields of executions; a small one whole.
--
-- KEYS: the executions, each followed by its shared state
-- ARGV: up to how many fields, and how many bytes in them, an execution is small; then for each of them n, and n fields
-- Returns {now in ms, and for each execution {value, …} of its fields, or {{field, value, …}, {key, value, …} of its shared state}}

local call = redis.call
local time = call('TIME')
local out = {string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))}
local most, longest = tonumber(ARGV[1]), tonumber(ARGV[2])

-- whole reads all of an execution, if it is small.
local function whole(key, state)
  if call('HLEN', key) + call('HLEN', state) > most then
    return nil
  end
  local all = {call('HGETALL', key), call('HGETALL', state)}
  local bytes = 0
  for _, pairs in ipairs(all) do
    for n = 2, #pairs, 2 do
      bytes = bytes + #pairs[n]
    end
  end
  return bytes <= longest and all or nil
end

local i = 3
for k = 1, #KEYS, 2 do
  local last = i + ARGV[i]
  out[#out + 1] = whole(KEYS[k], KEYS[k + 1]) or call('HMGET', KEYS[k], unpack(ARGV, i + 1, last))
  i = last + 1
end
return out
