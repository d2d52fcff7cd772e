-- Finds the kept events that a wait may take.
--
-- KEYS[1] the events of a type that may be taken, KEYS[2] how far they stand in lists by filter, KEYS[3] those of them that
-- satisfy the filter of the wait (without a filter, KEYS[1] again)
-- ARGV[1] shape of the filter, ARGV[2] the place after which they are wanted ("-inf" = from the first), ARGV[3] how many
-- Returns {"new", place up to which the events stand in the lists of that shape, id, place, …} while there are events that
-- stand in no list of that shape, or {"kept", "", id, place, …}

if ARGV[1] ~= '' then
  local mark = redis.call('HGET', KEYS[2], 's:' .. ARGV[1])
  local new = redis.call('ZRANGEBYSCORE', KEYS[1], mark and '(' .. mark or '-inf', '+inf', 'WITHSCORES', 'LIMIT', 0, 100)
  if #new > 0 then
    table.insert(new, 1, 'new')
    table.insert(new, 2, mark or '')
    return new
  end
end
local after = ARGV[2] == '-inf' and ARGV[2] or '(' .. ARGV[2]
local kept = redis.call('ZRANGEBYSCORE', KEYS[3], after, '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[3])
table.insert(kept, 1, 'kept')
table.insert(kept, 2, '')
return kept
