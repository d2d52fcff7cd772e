-- Renews the claims of running steps.
--
-- KEYS[1] the due index, then an execution for each step
-- ARGV[1] who claims, ARGV[2] for how long in ms, then for each step: entry, step, token
-- Returns the numbers (from 1) of the steps that are lost: another token, another claimant, or over.

local time = redis.call('TIME')
local due = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2])
local lost = {}
for n = 2, #KEYS do
  local at = 3 + (n - 2) * 3
  local entry, step, token = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local record = redis.call('HMGET', KEYS[n], 'a' .. step, 'c' .. step)
  local claim = record[2]
  local mine = not claim or claim == ARGV[1] or string.sub(claim, 1, 4) == 'look'
  local same = record[1] and string.match(record[1], '^%d+|([^|]*)|') == token
  if mine and same and redis.call('ZSCORE', KEYS[1], entry) then
    redis.call('HSET', KEYS[n], 'c' .. step, ARGV[1])
    redis.call('ZADD', KEYS[1], 'XX', due, entry)
  else
    lost[#lost + 1] = n - 1
  end
end
return lost
