-- Phases: what a party game goes through. This file knows the phase that is on; change.lua ends it, attendance.lua knows
-- who takes part, specs.lua reads the module's table.
--
-- The truth is in here; `room.state.phase` is a projection, written anew whenever something changed. A change of phase is
-- a row of steps: Rust runs them one by one (`phases.step`), each a callback of its own, so that one that fails
-- costs itself only and the phase changes all the same.

local host, trusted, run = ...
local rawset, next, pairs, format, remove = rawset, next, pairs, string.format, table.remove
local floor, max = math.floor, math.max
local room_values, seats = run.room_values, run.seats

local phases = {
  specs = nil, names = nil, first = nil, late = "play", seats_most = 16, -- copies: the module's table may change
  now = nil, -- { name, spec, since, ends } with ticks
  done = {}, ready = {}, -- number -> true, in this phase
  latecomers = {}, -- number -> true: spectators who play in the next round
  rows = {}, -- what is still to do: rows of steps, the last one first
  wanted = nil, started = false, -- the phase that room:go asked for; whether the host has started
  leaving = false, -- from the end of a phase to the beginning of the next
  shrank = false, -- somebody who counted does not any more
  changes = 0, exhausted = false, -- in this tick
  dirty = false, unsettled = false,
  attendance = nil, -- from the first player on
}

-- Rust settles when the callback that runs now is over.
function phases.settle_soon()
  phases.unsettled = true
  host.settle()
end

function phases.changed()
  phases.dirty = true
  phases.settle_soon()
end

function phases.count_players()
  local count = 0
  for i = 1, #seats do
    if seats[i].values.kind == "player" then count = count + 1 end
  end
  return count
end

-- The projection -----------------------------------------------------------------------------------------------------

local function ids(set)
  local named = {}
  for number in pairs(set) do named[format("%d", number)] = true end
  return named
end

-- What the start of the phase waits for.
local function needs(spec)
  if not spec.start then return nil end
  if phases.count_players() < spec.min then return "players" end
  if spec.start == "host" then return "host" end
  return not (phases.attendance and phases.attendance.all_ready()) and "ready" or nil
end

local function project()
  phases.dirty = false
  local now, rate = phases.now, run.rate
  if not now then return end
  local spec = now.spec
  rawset(room_values.state, "phase", {
    name = now.name, since = now.since / rate, ends = now.ends and now.ends / rate or nil,
    host = room_values.host, min = spec.start and spec.min or nil, needs = needs(spec),
    done = spec.done and ids(phases.done) or nil, ready = spec.start and ids(phases.ready) or nil,
  })
end

-- Steps --------------------------------------------------------------------------------------------------------------

function phases.push(f, a, b)
  local rows = phases.rows
  local row = rows[#rows]
  if not row then
    row = {}
    rows[1] = row
  end
  row[#row + 1] = { f = f, a = a, b = b }
  return row[#row]
end

function phases.ticks(seconds) return max(1, floor(seconds * run.rate + 0.5)) end

function phases.begin_phase(name)
  local spec = phases.specs[name]
  local ends = spec.seconds and run.tick + phases.ticks(spec.seconds) or nil
  phases.now = { name = name, spec = spec, since = run.tick, ends = ends }
  phases.done, phases.ready, phases.started, phases.leaving, phases.shrank = {}, {}, false, false, false
  room_values.phase = name
  phases.changed()
end

local function call(f) f(run.room) end

function phases.enter(name)
  phases.begin_phase(name)
  if name == phases.first and phases.late == "next_round" and next(phases.latecomers) ~= nil then
    run.need("change").let_in()
  end
  local enter = phases.now.spec.enter
  if enter then phases.push(call, enter) end
end

-- Looked at when nothing is left to do: is there a reason to change?
local function look()
  local now, tick = phases.now, run.tick
  if not now or phases.leaving or phases.exhausted then return end
  local spec, wanted = now.spec, phases.wanted
  if wanted then return run.need("change").finish(wanted, false) end
  if phases.started then return run.need("change").finish(nil, false) end
  local enough = spec.start and phases.count_players() >= spec.min
  if now.ends and tick >= now.ends then
    if not spec.start or enough then return run.need("change").finish(nil, true) end
    now.since, now.ends = tick, tick + phases.ticks(spec.seconds) -- too few: it begins anew
    phases.dirty = true
  end
  if spec.start == "all" and enough and phases.attendance and phases.attendance.all_ready() then
    return run.need("change").finish(nil, false)
  end
  if spec.done and run.need("change").barrier_is_raised() then return run.need("change").finish(nil, true) end
end

-- One step; answers whether there may be more.
function phases.step()
  if phases.dirty then project() end
  local rows = phases.rows
  while rows[1] and not rows[#rows][1] do rows[#rows] = nil end
  local row = rows[#rows]
  if row then
    local step = remove(row, 1)
    rows[#rows + 1] = {} -- what the step adds comes before the rest of its row
    step.f(step.a, step.b)
    return true
  end
  phases.unsettled = false
  look()
  if phases.dirty then project() end
  return rows[1] ~= nil or phases.unsettled
end

-- The room's life ----------------------------------------------------------------------------------------------------

-- Before the module's `open`: the phase stands, its `enter` follows.
function phases.open()
  if phases.specs then phases.enter(phases.first) end
end

function phases.begin()
  phases.changes = 0
  if phases.attendance then phases.attendance.watch_host() end
  local now = phases.now
  if not now then return end
  local over = now.ends and run.tick >= now.ends
  local again = phases.exhausted or phases.wanted or phases.unsettled or phases.rows[1] or over
  -- A function may count others than it did, and nobody would tell.
  if again or now.spec.asks then phases.settle_soon() end
  phases.exhausted = false
end

run.phases = phases
trusted.part("specs", host, trusted, run)
return phases
