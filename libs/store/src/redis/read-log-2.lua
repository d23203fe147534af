-- A page of one log, as of one moment. Changes nothing.
--
-- KEYS[1] stream of entries   KEYS[2] hash {last, trimmed, trimmedId}
-- ARGV[1] sequence after which to read   ARGV[2] number of entries at most   ARGV[3] bytes of values at most (the first
--         entry comes even if it is larger)
--
-- Result: {last, trimmed, id of the last entry, id of the entry after which is read,
--          sequence, dedupe id, value, id, sequence, dedupe id, value, id ...}; an id that is not known is empty

local state = redis.call('HMGET', KEYS[2], 'last', 'trimmed', 'trimmedId')
local last, trimmed = tonumber(state[1] or 0), tonumber(state[2] or 0)
local after, left, room = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

-- as in commit.lua
local function idAt(sequence)
  if sequence == 0 then return '' end
  local id = state[3]
  if sequence ~= trimmed then
    local at = string.format('%.0f-0', sequence)
    local found = redis.call('XRANGE', KEYS[1], at, at)
    if not found[1] then return '' end
    id = found[1][2][6]
  end
  return id or string.format('%016.0f', sequence)
end

local result = {state[1] or '0', state[2] or '0', idAt(last), idAt(after)}
local none = #result
while left > 0 do
  -- in small steps, so that a page of large entries is not read further than it is sent
  local page = redis.call('XRANGE', KEYS[1], string.format('%.0f-0', after + 1), '+', 'COUNT', math.min(left, 16))
  if #page == 0 then break end
  for _, entry in ipairs(page) do
    local sequence, dedupeId, value = string.match(entry[1], '^%d+'), entry[2][2], entry[2][4]
    room = room - #value
    if room < 0 and #result > none then return result end
    after = tonumber(sequence)
    for _, each in ipairs({sequence, dedupeId, value, entry[2][6] or string.format('%016.0f', after)}) do
      result[#result + 1] = each
    end
    left = left - 1
  end
end
return result
