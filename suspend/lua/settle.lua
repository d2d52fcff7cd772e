-- Gives an entry of the due index its next time, unless its step moved on.
--
-- KEYS[1] the due index, KEYS[2] the execution
-- ARGV[1] entry, ARGV[2] ms from now ("" = never), ARGV[3] field of the step ("" = none),
-- ARGV[4] its token ("" = any), ARGV[5] field of the claim, ARGV[6] note for it ("" = none)
-- Returns 1, or 0 when nothing was to be done.

if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return 0
end
if ARGV[4] ~= '' then
  local record = redis.call('HGET', KEYS[2], ARGV[3])
  if not record or string.match(record, '^%d+|([^|]*)|') ~= ARGV[4] then
    return 0
  end
end
local score = '+inf'
if ARGV[2] ~= '' then
  local time = redis.call('TIME')
  score = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2])
end
if ARGV[6] ~= '' and redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HSET', KEYS[2], ARGV[5], ARGV[6])
end
redis.call('ZADD', KEYS[1], 'XX', score, ARGV[1])
return 1
