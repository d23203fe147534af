-- Removes from the index of a kind what was found empty twice, with time in between: longer than any commit takes, so
-- that a commit which entered the aggregate in the index before the first finding is over by the second.
--
-- KEYS[1] sorted set of ids, all scored 0   KEYS[2] sorted set of ids found empty, scored with the time of finding
-- ARGV[1] now, Unix ms   ARGV[2] ms between the findings   ARGV[3 ..] ids found empty now
--
-- Result: number of ids removed

local now, between, removed = tonumber(ARGV[1]), tonumber(ARGV[2]), 0
for i = 3, #ARGV do
  local found = redis.call('ZSCORE', KEYS[2], ARGV[i])
  if not found then
    redis.call('ZADD', KEYS[2], ARGV[1], ARGV[i])
  elseif now - tonumber(found) >= between then
    redis.call('ZREM', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
    removed = removed + 1
  end
end
return removed
