-- Tells where a task stands, in one look: between two it could be taken. What is left of one that nobody will run is removed, so
-- that it can be written anew: one that says that it stands in a list and does not, since somebody deleted the list; and one that
-- was taken without its message, since somebody deleted the task and not the list.
--
-- KEYS[1] the task; where it stands when it is KEYS[2] pending, KEYS[3] scheduled, KEYS[4] active, KEYS[5] retried; KEYS[6] leases
-- ARGV[1] its id, ARGV[2] how long a list may be that is looked through; in a longer one it is taken to stand
-- Returns its state, or "" when there is no such task.

local state, message = unpack(redis.call('HMGET', KEYS[1], 'state', 'msg'))

local function listed(list)
  local n = redis.call('LLEN', list)
  return n > tonumber(ARGV[2]) or (n > 0 and redis.call('LPOS', list, ARGV[1]))
end

local stands = true
if state == 'pending' then
  stands = listed(KEYS[2])
elseif state == 'scheduled' then
  stands = redis.call('ZSCORE', KEYS[3], ARGV[1])
elseif state == 'active' then
  stands = message and listed(KEYS[4])
elseif state == 'retry' then
  stands = redis.call('ZSCORE', KEYS[5], ARGV[1])
end
if not stands then
  redis.call('LREM', KEYS[4], 0, ARGV[1])
  redis.call('ZREM', KEYS[6], ARGV[1])
  redis.call('DEL', KEYS[1])
  return ''
end
return state or ''
