-- Who takes part in a phase: who is ready and who is done, who comes late, what players ask of it.

local host, trusted, run = ...
local fail, rawget = trusted.fail, rawget
local type, tostring, format = type, tostring, string.format
local phases, players, seats, numbers = run.phases, run.players, run.seats, run.entities.numbers
local hosts = run.need "hosts"
local plays, is_person, changed = hosts.plays, hosts.is_person, phases.changed
local HOST_AWAY_SECONDS = trusted.limits.host_away

local attendance = {}

-- Bots are always ready; nobody is not enough.
function attendance.all_ready()
  local somebody = false
  for i = 1, #seats do
    local player = seats[i]
    if is_person(player) then
      if not phases.ready[player.number] then return false end
      somebody = true
    end
  end
  return somebody
end

-- Who is away while a phase waits for its start does not keep the others waiting.
function attendance.watch_host()
  if not (hosts.lost and phases.now and phases.now.spec.start) then return end
  if run.tick - hosts.lost < HOST_AWAY_SECONDS * run.rate then return end
  local number = hosts.find(hosts.number)
  if number and players[number].values.connected then hosts.set(number) end
end

function attendance.set_kind(number, kind)
  local player = players[number]
  if not player or player.values.kind == kind then return end
  player.values.kind = kind
  host.kind(number, kind)
  phases.latecomers[number] = nil
  hosts.keep()
  changed()
  local f = rawget(run.game, "kind")
  if type(f) == "function" then f(run.room, player.object) end
end

-- What others tell ---------------------------------------------------------------------------------------------------

local function is_done(number)
  local player = players[number]
  if phases.leaving or not phases.now.spec.done or not player or not plays(player) or phases.done[number] then return end
  phases.done[number] = true
  changed()
end

function phases.player_done(player)
  local number = numbers[player]
  if not number then fail("done: write player:done()") end
  if not phases.specs then fail("player:done: the module has no phases") end
  if not run.left[player] and phases.now then is_done(number) end
end

function phases.go(_, name)
  if not phases.specs then fail("room:go: the module has no phases") end
  if type(name) ~= "string" then fail("room:go takes the name of a phase: write room:go(phase), with a colon") end
  if not phases.specs[name] then
    fail("room:go: there is no phase %s%s", tostring(name), trusted.did_you_mean(name, phases.names))
  end
  phases.wanted = name
  phases.settle_soon()
end

function phases.seated(number, bot)
  if players[number].values.kind ~= "spectator" then phases.latecomers[number] = nil end
  if hosts.number == nil and not bot then hosts.keep() end
  if phases.now then changed() end
end

-- Whether somebody of this role counted, as far as that can be told without asking the module.
local function counted(number, values, role)
  local who = phases.now and phases.now.spec.done
  if not who or values.kind ~= "player" then return false end
  return type(who) == "function" or who == "all" or (who == "host" and number == hosts.number) or who == role
end

function phases.forgotten(number, values)
  phases.done[number], phases.ready[number], phases.latecomers[number] = nil, nil, nil
  if counted(number, values, values.role) then phases.shrank = true end
  hosts.keep(number)
  local now = phases.now
  if not now then return end
  -- A round that nobody plays and nobody can join is over.
  if phases.late ~= "play" and now.name ~= phases.first and values.kind == "player" and phases.count_players() == 0 then
    phases.wanted = phases.first
  end
  changed()
end

phases.connected = hosts.connected

-- Somebody else may count now.
function phases.role_changed(number, values, old)
  if not phases.now then return end
  if counted(number, values, old) then phases.shrank = true end
  phases.settle_soon()
end

-- How somebody may come in: what, and the kind.
function phases.admit(number, kind, bot)
  local now, late = phases.now, phases.late
  phases.latecomers[number] = nil
  if kind ~= "player" or late == "play" or not now or now.name == phases.first then return "as", kind end
  if late == "take_over" and not bot then return "take_over" end
  if late == "next_round" and not bot then phases.latecomers[number] = true end
  return "as", "spectator"
end

-- The engine's messages. Each answers nil, or why it is refused.
local function need_start(player)
  if not phases.now.spec.start then return "this phase does not wait for a start" end
  if not plays(player) then return "only players take part" end
  return nil
end

local messages = {
  ready = function(player, data)
    if data ~= nil and type(data) ~= "boolean" then return "ready takes true or false" end
    local refused = need_start(player)
    if refused then return refused end
    phases.ready[player.number] = data ~= false or nil
    changed()
  end,
  start = function(player)
    local refused = need_start(player)
    if refused then return refused end
    local spec = phases.now.spec
    if spec.start ~= "host" then return "the game starts when everybody is ready" end
    if player.number ~= hosts.number then return "only the host starts the game" end
    local missing = spec.min - phases.count_players()
    if missing > 0 then return format("%d more player%s needed", missing, missing == 1 and " is" or "s are") end
    phases.started = true
    phases.settle_soon()
  end,
  done = function(player)
    local spec = phases.now.spec
    if not (spec.done and spec.by_client) then return "this phase does not take done from clients" end
    if not plays(player) then return "only players take part" end
    is_done(player.number)
  end,
}

-- True when the message was the engine's, and why it was refused.
function phases.message(player, name, data)
  local handler = phases.now and messages[name]
  if not handler then return false end
  if phases.leaving then return true, "the phase is changing" end
  return true, handler(player, data)
end

hosts.changed = changed
phases.attendance = attendance
return attendance
