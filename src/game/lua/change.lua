-- A change of phase: why the one that is on ends, who has missed it, what follows.

local host, trusted, run = ...
local fail, pcall, type, tostring, format = trusted.fail, pcall, type, tostring, string.format
local phases, players, seats = run.phases, run.players, run.seats
local hosts = run.need "hosts"
local plays, is_person = hosts.plays, hosts.is_person
local CHANGES_MAX = trusted.limits.phase_changes

local change = {}

-- Whether the phase's `done` counts this player. One whom a function fails on is not waited for.
local function counts(player)
  if not plays(player) then return false end
  local who = phases.now.spec.done
  if who == "all" then return true end
  if who == "host" then return player.number == hosts.number end
  if type(who) == "string" then return player.values.role == who end
  if not who then return false end
  local ok, answer = pcall(who, run.room, player.object)
  if not ok then
    host.error(format("phase %s: done(room, player %d): %s", phases.now.name, player.number, tostring(answer)))
    return false
  end
  return answer and true or false
end

-- Whether all that count are done. Bots are waited for only where no person counts; `missed` plays for the others.
function change.barrier_is_raised()
  local people, bots, late_bots = 0, 0, 0
  for i = 1, #seats do
    local player = seats[i]
    local is_done = phases.done[player.number]
    if counts(player) then
      if player.values.bot then
        bots = bots + 1
        if not is_done then late_bots = late_bots + 1 end
      elseif not is_done then
        return false
      else
        people = people + 1
      end
    end
  end
  if people > 0 then return true end
  local ends = phases.now.ends
  if bots > 0 then return late_bots == 0 or not ends end
  -- Nobody counts. Somebody did, or nothing else would ever end the phase.
  return phases.shrank or (not ends and phases.count_players() > 0)
end

local function call(f) f(run.room) end

local function missed(f, number)
  local player = players[number]
  if player and not phases.done[number] then f(run.room, player.object) end
end

-- Who came late plays from here on, as far as there are seats.
function change.let_in()
  local people = 0
  for i = 1, #seats do
    if is_person(seats[i]) then people = people + 1 end
  end
  for i = 1, #seats do
    local number = seats[i].number
    if phases.latecomers[number] and people < phases.seats_most then
      people = people + 1
      phases.push(phases.attendance.set_kind, number, "player")
    end
  end
end

local function leave(target)
  local spec = phases.now.spec
  if spec.leave then phases.push(call, spec.leave) end
  return phases.push(phases.enter, target)
end

-- `next` as a function: whatever is wrong with its answer, the room goes on in its first phase.
local function choose(f)
  local enters = leave(phases.first)
  local name = f(run.room)
  if type(name) ~= "string" or not phases.specs[name] then
    fail("phase %s: next returned %s%s; the room goes to %s", phases.now.name, tostring(name),
      trusted.did_you_mean(name, phases.names), phases.first)
  end
  enters.a = name
end

-- Ends the phase: `target`, or what it says itself. Whoever counted and is not done has missed it.
function change.finish(target, with_missed)
  if phases.changes >= CHANGES_MAX then
    phases.exhausted, phases.wanted = true, target or phases.wanted -- tried again in the next tick
    fail("phase %s: more than %d changes of phase in one tick", phases.now.name, CHANGES_MAX)
  end
  phases.changes, phases.leaving, phases.wanted = phases.changes + 1, true, nil
  local spec = phases.now.spec
  if with_missed and spec.missed then
    for i = 1, #seats do
      local player = seats[i]
      if not phases.done[player.number] and counts(player) then phases.push(missed, spec.missed, player.number) end
    end
  end
  if target then leave(target)
  elseif type(spec.next) == "function" then phases.push(choose, spec.next)
  else leave(spec.next or phases.first) end
end

return change
