-- Enters kept events into lists by filter, and notes how far that went.
--
-- KEYS[1] the events of a type that may be taken, KEYS[2] how far they stand in lists by filter, KEYS[3] and more: lists
-- ARGV[1] shape of the filter, ARGV[2] place of the last event that was judged, ARGV[3] place after which events were judged
-- ("" = from the first), ARGV[4] how many shapes are remembered, then for each event that satisfies a filter of that shape:
-- number of its list among the KEYS, id, place
-- Returns 1; all of it may be repeated, and be done by several at once. A Redis that went back since the events were read may
-- have lost others from their lists: then what was judged does not follow on what stands there, and the mark stays.

local shape = 's:' .. ARGV[1]
local left = redis.call('PTTL', KEYS[1])
local stands = left ~= -2

-- outlive lets a key live as long as the events; if they lost their expiry (in a backup, or by hand), it has none either
local function outlive(key)
  if left == -1 then
    redis.call('PERSIST', key)
  else
    redis.call('PEXPIRE', key, math.max(redis.call('PTTL', key), left))
  end
end

for n = 5, #ARGV, 3 do
  local list, id, place = KEYS[tonumber(ARGV[n])], ARGV[n + 1], ARGV[n + 2]
  if redis.call('ZSCORE', KEYS[1], id) then -- else it was taken meanwhile
    redis.call('ZADD', list, place, id)
    outlive(list)
  end
end
local mark = tonumber(redis.call('HGET', KEYS[2], shape) or '-1')
if tonumber(ARGV[2]) > mark and mark >= tonumber(ARGV[3] == '' and '-1' or ARGV[3]) and stands then
  redis.call('HSET', KEYS[2], shape, ARGV[2])
  outlive(KEYS[2])
end
for _, field in ipairs(redis.call('HLEN', KEYS[2]) > tonumber(ARGV[4]) and redis.call('HKEYS', KEYS[2]) or {}) do
  if field ~= shape and field ~= 'newest' then
    redis.call('HDEL', KEYS[2], field) -- what is forgotten is entered once more, which changes nothing
    break
  end
end
return 1
