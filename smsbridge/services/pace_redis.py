"""The buckets of paces in Redis: one script call decides for a whole batch, by Redis' own clock.

A key holds until when its bucket is spent, in seconds, and vanishes then. All raises RedisError or OSError.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from smsbridge.services.pace_rules import Bucket, Taken, Wish

_TIMEOUT = 0.5  # seconds: texts wait meanwhile, and the database can stand in

_CLOCK = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] + time[2] / 1000000
end
local function spent(key) return math.max(tonumber(redis.call('GET', key) or 0), now) end
local function keep(key, till)
  if till > now then
    redis.call('SET', key, string.format('%.6f', till), 'PX', string.format('%d', math.ceil((till - now) * 1000) + 1))
  else
    redis.call('DEL', key)
  end
end
"""

#: ARGV: a clock or '', then rate and slack of each key, then for each wish its segments and buckets (from 1; 0: none).
#: The same as `pace_rules.decide`.
_TAKE = f"""{_CLOCK}
local rates, slacks, till, answer = {{}}, {{}}, {{}}, {{}}
for at, key in ipairs(KEYS) do
  rates[at], slacks[at] = tonumber(ARGV[2 * at]), tonumber(ARGV[2 * at + 1])
  till[at] = spent(key)
end
for at = 2 + 2 * #KEYS, #ARGV, 3 do
  local segments, first, second = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local room = 1
  for _, one in ipairs({{first, second}}) do
    if one > 0 and till[one] - now > slacks[one] then room = 0 end
  end
  for _, one in ipairs({{first, second}}) do
    if one > 0 and room == 1 then till[one] = till[one] + segments / rates[one] end
  end
  table.insert(answer, room)
end
for at, key in ipairs(KEYS) do
  keep(key, till[at])
  table.insert(answer, string.format('%.6f', till[at] - slacks[at] - now))
end
return answer
"""

#: ARGV: a clock or '', then for each key the seconds to add
_ADD = f"""{_CLOCK}
for at, key in ipairs(KEYS) do keep(key, spent(key) + tonumber(ARGV[1 + at])) end
"""


def take(buckets: Sequence[Bucket], wishes: Sequence[Wish], now: float | None = None) -> Taken:
    """Grant what there is room for. Without `now`, by Redis' clock."""
    arguments: list[Any] = [_clock(now)]
    for bucket in buckets:
        arguments += [repr(bucket.rate), repr(bucket.slack)]
    for wish in wishes:
        first, second = (*(at + 1 for at in wish.buckets), 0, 0)[:2]
        arguments += [wish.segments, first, second]
    answer = _run(_TAKE, [bucket.key for bucket in buckets], arguments)
    return Taken([bool(one) for one in answer[: len(wishes)]], [float(one) for one in answer[len(wishes) :]])


def add(amounts: Sequence[tuple[Bucket, int]], now: float | None = None) -> None:
    """Spend so many segments of buckets whether there is room or not; give them back where negative."""
    keys, seconds = [bucket.key for bucket, _ in amounts], [repr(count / bucket.rate) for bucket, count in amounts]
    _run(_ADD, keys, [_clock(now), *seconds])


def _clock(now: float | None) -> str:
    return "" if now is None else repr(now)


def _run(script: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    prefixed = [f"{settings.REDIS_KEY_PREFIX}:pace:{key}" for key in keys]
    return _client(settings.REDIS_URL).register_script(script)(keys=prefixed, args=arguments)


@lru_cache(maxsize=4)
def _client(url: str) -> Redis:
    """With the TLS settings of the cache, which is in the same Redis. One try: what is away is asked again later."""
    tls = settings.CACHES["default"].get("OPTIONS", {}).get("CONNECTION_POOL_KWARGS", {})
    patience = {"socket_timeout": _TIMEOUT, "socket_connect_timeout": _TIMEOUT, "retry": Retry(NoBackoff(), 0)}
    return Redis.from_url(url, **{**tls, **patience})
