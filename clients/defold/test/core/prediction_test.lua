-- Prediction and reconciliation, held to the stories of tests/golden/prediction.json.

local json = require "test.core.json"
local predict = require "airboat.predict"
local support = require "test.core.support"

local tests = {}
local TAU = 2 * math.pi

-- The step that the vectors describe.
local function step(state, input, dt)
  state.walking = input.mx ~= 0 or input.my ~= 0
  state.x = math.min(math.max(state.x + input.mx * 60 * dt, 0), 400)
  state.y = math.min(math.max(state.y + input.my * 60 * dt, 0), 400)
  state.heading = state.heading + input.turn * 2 * dt
  if state.heading >= TAU then state.heading = state.heading - TAU end
  if state.heading < 0 then state.heading = state.heading + TAU end
  state.shots = state.shots + input.fire
end

local STATE = { "x", "y", "heading", "walking", "shots" }
local INPUT = { "mx", "my", "turn", "fire" }

-- A list of the vectors as a table by name.
local function named(list, names)
  if list == json.null then return nil end
  local t = {}
  for i, value in ipairs(list) do
    if value ~= json.null then t[names[i]] = value end
  end
  return t
end

local function compare(got, wanted, names, what)
  if wanted == json.null then
    if got ~= nil then error(what .. ": something where nothing is predicted", 2) end
    return
  end
  if got == nil then error(what .. ": nothing is predicted", 2) end
  for i, name in ipairs(names) do
    local value = wanted[i]
    if type(value) == "number" then support.close(got[name], value, 1e-9, what .. " " .. name)
    else support.equal(got[name], value, what .. " " .. name) end
  end
end

local act = {
  restart = function(p, event, what)
    p:restart(event[2])
    compare(p.state, event[3], STATE, what)
  end,
  input = function(p, event, what)
    support.equal(p:input(named(event[2], INPUT), event[3], event[4]), event[4])
    compare(p.state, event[5], STATE, what)
  end,
  hold = function(p, event, what)
    p:hold(named(event[2], INPUT), event[3])
    compare(p.state, event[4], STATE, what)
  end,
  view = function(p, event, what) compare(p:view(event[2]), event[3], STATE, what) end,
  ack = function(p, event, what)
    p:ack(event[2], named(event[3], STATE), event[4], { substitutions = event[5][1], skips = event[5][2] })
    compare(p.state, event[6], STATE, what)
    local got = { p.error, p:offset(), p.corrections, p.snaps, p.repeats, p.skipped, p.refused, p:waiting() }
    for i, value in ipairs(event[7]) do support.close(got[i], value, 1e-9, what .. " number " .. i) end
  end,
}

function tests.the_stories()
  local stories = support.golden("prediction.json").stories
  assert(#stories > 5)
  for _, story in ipairs(stories) do
    local options = { step = step }
    for name, value in pairs(story.options) do options[name] = value end
    local p = predict.new(options)
    for i, event in ipairs(story.events) do
      act[event[1]](p, event, ("%s, event %d (%s)"):format(story.name, i, event[1]))
    end
  end
end

-- Nothing is held before the first input of a life: nothing may be stepped with it.
function tests.before_the_first_input_one_stands_still()
  local p = predict.new { step = step, dt = 1 / 30, quantum = { x = 0.125, y = 0.125 }, fresh = { shots = 0 } }
  p:restart(5)
  p:ack(5, { x = 100, y = 50, heading = 0, walking = false }, 1)
  support.equal(p:view(1.5).x, 100)
  p:hold({ mx = 1 }, 1.6)
  support.equal(p:view(1.65).x, 100)
  p:ack(5, { x = 110, y = 50, heading = 0, walking = false }, 1.7)
  support.close(p:view(1.99).x, 110, 1, "what was told, after a glide")
  p:input({ mx = 1, my = 0, turn = 0, fire = 0 }, 2)
  local x = p:view(2.01).x
  assert(x > 110 and x < 112, x) -- it glides into walking
end

support.run(tests)
