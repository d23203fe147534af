-- Enters an aggregate in the index of its kind. Runs before the commit that may make the aggregate, so that none is
-- missing from the index; a listing finds out one too many.
--
-- KEYS[1] sorted set of ids, all scored 0   KEYS[2] sorted set of ids found empty, scored with the time of finding
-- ARGV[1] id
--
-- Result: 1

redis.call('ZADD', KEYS[1], 0, ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
