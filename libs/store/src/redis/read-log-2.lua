-- A page of one log, as of one moment. Changes nothing.
--
-- KEYS[1] stream of entries   KEYS[2] hash {last, trimmed}
-- ARGV[1] sequence after which to read   ARGV[2] number of entries at most   ARGV[3] bytes of values at most (the first
--         entry comes even if it is larger)
--
-- Result: {last, trimmed, sequence, dedupe id, value, sequence, dedupe id, value ...}

local state = redis.call('HMGET', KEYS[2], 'last', 'trimmed')
local result = {state[1] or '0', state[2] or '0'}
local after, left, room = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
while left > 0 do
  -- in small steps, so that a page of large entries is not read further than it is sent
  local page = redis.call('XRANGE', KEYS[1], string.format('%.0f-0', after + 1), '+', 'COUNT', math.min(left, 16))
  if #page == 0 then break end
  for _, entry in ipairs(page) do
    local sequence, dedupeId, value = string.match(entry[1], '^%d+'), entry[2][2], entry[2][4]
    room = room - #value
    if room < 0 and #result > 2 then return result end
    result[#result + 1], result[#result + 2], result[#result + 3] = sequence, dedupeId, value
    after = tonumber(sequence)
    left = left - 1
  end
end
return result
