-- Run with `airboat module test`. A room here has simulated players and simulated time: ten minutes take a moment.

local step = require "shared.step"
local tests = {}

function tests.a_dot_moves_as_fast_as_it_should(t)
  local room = t:room { seed = 1 }
  local ann = room:join("ann")
  ann:input { mx = -1 } -- held until the next ann:input
  room:run(10) -- seconds: long enough to stand at the edge
  ann:input { mx = 1 }
  room:run(1)
  local dot = room:entities("dot")[1]
  t:equal(dot.owner, ann.id)
  t:near(dot.x, step.SPEED, 0.5)
end

function tests.coins_are_points_and_come_back(t)
  local room = t:room { seed = 2 }
  local ann, bob = room:join("ann"), room:join("bob")
  ann:bot() -- plays as game.bot does
  room:run(20)
  local points = room.state.score[ann.id]
  t:ok(points > 0, "points of ann")
  t:equal(#ann:received("coin"), points + room.state.score[bob.id])
  room:run(2) -- whatever was taken last has come back, or been taken again
  t:ok(#room:entities("coin") >= 3, "coins in the room")

  bob:send("chat", { text = "well played" })
  t:equal(ann:received("chat")[1].text, "well played")

  room:reload() -- as if a file had been saved
  t:equal(room.state.score[ann.id] >= points, true)
  bob:leave()
  room:run(0.1)
  t:equal(room.state.score[bob.id], nil)
end

function tests.who_watches_has_no_dot(t)
  local room = t:room { bots = 0 }
  local eve = room:join("eve", { kind = "spectator" })
  room:run(1)
  t:equal(#room:entities("dot"), 0)
  t:equal(room.state.score, {})
  eve:leave()
  room:run(0.1)
end

return tests
