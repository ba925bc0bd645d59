-- Run with `airboat module test modules/sample`: simulated players, simulated time.

local step = require "shared.step"
local tests = {}

-- Two people in the lobby, and the host has started. The bots make it three.
local function night(t, seed)
  local room = t:room { seed = seed }
  local ann, bob = room:join("Ann"), room:join("Bob")
  room:step(2)
  t:equal(room.phase, "lobby")
  ann:send("start")
  room:step(2)
  t:equal(room.phase, "night")
  return room, ann, bob
end

local function lantern(room, player)
  for _, one in ipairs(room:entities("lantern")) do
    if one.owner == player.id then return one end
  end
end

function tests.only_the_host_starts(t)
  local room = t:room { seed = 1 }
  local ann, bob = room:join("Ann"), room:join("Bob")
  bob:send("start")
  room:step(2)
  t:equal(room.phase, "lobby")
  t:ok(#bob:received("refused") > 0, "bob is told")
  ann:send("start")
  room:step(2)
  t:equal(room.phase, "night")
end

function tests.everybody_has_a_secret_of_their_own(t)
  local _, ann, bob = night(t, 2)
  t:ok(ann.secret.colour, "ann's colour")
  t:ok(bob.secret.colour, "bob's colour")
end

function tests.sneaking_is_slower(t)
  local room, ann, bob = night(t, 3)
  local before_ann, before_bob = lantern(room, ann).x, lantern(room, bob).x
  local way_ann, way_bob = before_ann < 480 and 1 or -1, before_bob < 480 and 1 or -1
  ann:input { mx = way_ann }
  bob:input { mx = way_bob, sneak = true }
  room:run(1)
  t:near((lantern(room, ann).x - before_ann) * way_ann, step.WALK, 14)
  t:near((lantern(room, bob).x - before_bob) * way_bob, step.SNEAK, 8)
end

function tests.a_night_ends_with_colours_and_votes(t)
  local room, ann, bob = night(t, 4)
  ann:bot() -- plays as game.bot does
  bob:bot()
  room:run(60.5)
  t:equal(room.phase, "dawn")
  t:ok(#room.state.result >= 2, "everybody stands in the result")
  t:ok(room.state.result[1].points > 0, "somebody has caught one")
  t:equal(room:entities("firefly"), {})
  -- Both have voted: dawn is over before its time, and the night is where they wanted it.
  t:equal(ann:call("vote", { place = "hill" }).taken, true)
  t:equal(bob:call("vote", { place = "hill" }).taken, true)
  room:step(3)
  t:equal(room.phase, "night")
  t:equal(room.state.place, "hill")
  t:equal(ann:call("vote", { place = "pond" }).taken, false, "no votes at night")
end

function tests.who_does_not_vote_is_voted_for(t)
  local room = night(t, 5)
  room:run(60.5)
  t:equal(room.phase, "dawn")
  room:run(20.5)
  t:equal(room.phase, "night")
  t:equal(room.state.night, 2)
end

function tests.bad_words_stay_out(t)
  local room = t:room { seed = 6 }
  t:ok(room:refused("xX Poop Xx"), "refused")
  t:equal(room:refused("Ann"), nil)
end

function tests.a_reload_in_the_night_changes_nothing(t)
  local room, ann = night(t, 7)
  room:run(5)
  local colour, x = ann.secret.colour, lantern(room, ann).x
  room:reload()
  room:step(1)
  t:equal(room.phase, "night")
  t:equal(ann.secret.colour, colour)
  t:equal(lantern(room, ann).x, x)
  room:run(60)
  t:equal(room.phase, "dawn")
end

return tests
