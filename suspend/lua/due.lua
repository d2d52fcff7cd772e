-- Takes what is due, and hides it for a while.
--
-- KEYS[1] the due index of a partition, or the schedules of a slot, or the events being published in it
-- ARGV[1] how many at most, ARGV[2] for how long they are hidden, in ms
-- Returns {ms until the next entry is due ("-1" = never), and for each that was taken the entry, and when it was due in ms}

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'WITHSCORES', 'LIMIT', 0, ARGV[1])
local until_ = string.format('%.0f', now + ARGV[2])
local hidden = {}
for i = 1, #due, 2 do
  hidden[i], hidden[i + 1] = until_, due[i]
end
for i = 1, #hidden, 2000 do
  redis.call('ZADD', KEYS[1], 'XX', unpack(hidden, i, math.min(i + 1999, #hidden)))
end
local next = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
local wait = '-1'
if next[2] and tonumber(next[2]) and tonumber(next[2]) < 1e300 then
  wait = string.format('%.0f', math.max(0, tonumber(next[2]) - now))
end
table.insert(due, 1, wait)
return due
