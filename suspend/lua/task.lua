-- Tells where a task stands, in one look: between two it could be taken.
--
-- KEYS[1] the task, KEYS[2] the list of those that wait; no ARGV
-- Returns its state, "" when there is no such task, or "ghost" when it says that it waits and nothing does.

local state = redis.call('HGET', KEYS[1], 'state')
if state == 'pending' and redis.call('LLEN', KEYS[2]) == 0 then
  return 'ghost'
end
return state or ''
