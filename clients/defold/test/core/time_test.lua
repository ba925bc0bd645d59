-- When to show what, held to tests/golden/playout.json; the clock; the beat of inputs in a game that has frames; timers.

local beat = require "airboat.beat"
local buffer = require "airboat.buffer"
local clock = require "airboat.clock"
local playout = require "airboat.playout"
local support = require "test.core.support"
local timers = require "airboat.timers"

local close, equal = support.close, support.equal
local tests = {}

local acts = {
  playout = {
    arrived = function(made, event, what)
      made:arrived(event[2], event[3])
      for i, value in ipairs { made.delay, made.late, made:loss() } do close(value, event[4][i], 1e-9, what) end
    end,
    at = function(made, event, what)
      close(made:at(event[2]), event[3], 1e-9, what)
      equal(made.status, event[4], what)
    end,
    reset = function(made) made:reset() end,
    counts = function(made, event, what)
      equal({ made.counts.interpolated, made.counts.extrapolated, made.counts.held }, { event[2], event[3], event[4] }, what)
    end,
  },
  buffer = {
    push = function(made, event, what) equal(made:push(event[2], event[3], event[4]), event[5], what) end,
    sample = function(made, event, what)
      local values = {}
      equal(made:sample(event[2], values), event[4], what)
      for name, value in pairs(event[3]) do
        if type(value) == "number" then close(values[name], value, 1e-9, what .. " " .. name)
        else equal(values[name], value, what .. " " .. name) end
      end
      for name in pairs(values) do assert(event[3][name] ~= nil, what .. ": " .. name .. " is too much") end
    end,
  },
}

function tests.the_stories_of_the_vectors()
  local stories = support.golden("playout.json").stories
  assert(#stories > 5)
  for _, story in ipairs(stories) do
    local made = story.kind == "playout" and playout.new(story.rate) or buffer.new(story.options)
    for i, event in ipairs(story.events) do
      acts[story.kind][event[1]](made, event, ("%s, event %d (%s)"):format(story.name, i, event[1]))
    end
  end
end

function tests.the_clock_finds_the_rooms_time_through_jitter_and_creeps()
  local random = support.chance("clock", 7)
  local made = clock.new()
  local last = 0
  for now = 0, 60000, 500 do
    local there, back = 20 + random(30), 20 + random(30)
    local server = now - back + 123456
    local tick = math.floor(server * 30 / 1000)
    made:answered(now - there - back, now, tick, math.floor((server - tick * 1000 / 30) * 1000 + 0.5), 30)
    local time = made:at(now)
    assert(time >= last)
    last = time
    if now > 10000 then close(time, now + 123456, 12, "the room's time") end
  end
  assert(made.rtt > 40 and made.rtt < 100, made.rtt)
  made:reset()
  made:hint(30, 30, 0)
  equal(made:at(0), 1000)
end

-- A game with frames of `frame` milliseconds, `way` from a room of 30 Hz. Returns how many inputs came too late in the last
-- 20 of 40 seconds, how many there were, and how early they came on average.
local function play(frame, way, start, jitter, random)
  local period = 1000 / 30
  local made = beat.new(period)
  local arriving, reports, number = {}, {}, 0
  local late, count, sum = 0, 0, 0
  made:start(start)
  local now = start
  while now < 40000 do
    while reports[1] and reports[1].at <= now do
      local report = table.remove(reports, 1)
      made:note(report.number, report.early)
    end
    if made:frame(now) then
      number = number + 1
      local arrival = now + way + random(1000) / 1000 * jitter
      local early = math.ceil(arrival / period) * period - arrival
      -- The tick it should have been in: one a tick.
      arriving[#arriving + 1] = math.ceil(arrival / period)
      local before = arriving[#arriving - 1]
      if now > 20000 and before then
        count, sum = count + 1, sum + early
        if arriving[#arriving] > before + 1 then late = late + 1 end
      end
      reports[#reports + 1] = { at = arrival + early + way, number = number, early = early }
      made:sent(number, now)
    end
    now = now + frame + (random(1000) / 1000 - 0.5) * frame * 0.1
  end
  return late, count, sum / count
end

function tests.inputs_come_shortly_before_their_tick_whatever_the_frames()
  local random = support.chance("beat", 9)
  for _, frame in ipairs { 4, 1000 / 144, 1000 / 60, 1000 / 40 } do
    for _, start in ipairs { 0, 11, 23 } do
      local late, count, early = play(frame, 20, start, 1, random)
      local what = ("frames of %.1f ms from %d: %d of %d late, %.1f ms early"):format(frame, start, late, count, early)
      assert(late <= count * 0.02, what)
      -- Half a frame, and what the law keeps.
      assert(early < frame * 0.5 + 7, what)
    end
  end
end

function tests.timers_run_in_order_and_once()
  local now, ran = 0, {}
  local made = timers.new(function() return now end)
  local function after(ms, name, fn)
    return made:after(ms, function()
      ran[#ran + 1] = name
      if fn then fn() end
    end)
  end
  local never = after(10, "cancelled")
  local last
  after(30, "c")
  after(10, "a", function() made:cancel(last) end)
  after(20, "b", function() after(0, "later") end)
  last = after(25, "cancelled by a")
  made:cancel(never)
  made:cancel(nil)
  now = 5
  made:run()
  equal(table.concat(ran, " "), "")
  now = 30
  made:run()
  equal(table.concat(ran, " "), "a b c")
  made:run()
  equal(table.concat(ran, " "), "a b c later")
  after(10, "shifted")
  made:shift(100)
  now = 45
  made:run()
  equal(#ran, 4)
  now = 140
  made:run()
  equal(ran[5], "shifted")
end

support.run(tests)
