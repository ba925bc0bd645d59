-- Run with `airboat module test modules/tank8`: what the oracle's bots rely on, and the vectors of shared/step.lua that
-- clients in other languages are held against.

local tests = {}

-- A whole number of 1/127, as a stick travels; each third time one of the ends or the middle.
local function stick()
  if math.random(3) == 1 then return math.random(-1, 1) end
  return math.random(-127, 127) / 127
end

-- A whole number of 1/1024 turn, as angles travel.
local function turn() return math.random(-512, 511) / 1024 * 2 * math.pi end

function tests.step_vectors(t)
  t:seed(8)
  local step = t:vectors "shared.step"
  for i = 1, 48 do
    local near_edge = i % 4 == 0
    local tank = {
      x = near_edge and math.random(2) * 1000 - 1000 or math.random(0, 8000) / 8,
      y = near_edge and math.random(2) * 1000 - 1000 or math.random(0, 8000) / 8,
      heading = turn(), turret = turn(),
    }
    step.drive(tank, { mx = stick(), my = stick(), aim = turn(), fire = 0 }, i % 2 == 0 and 1 / 30 or 1 / 60)
  end
  -- One after the other, as a client replays them: rounding must not add up differently.
  local tank = { x = 500, y = 500, heading = 0, turret = 0 }
  for _ = 1, 16 do step.drive(tank, { mx = stick(), my = stick(), aim = turn(), fire = 0 }, 1 / 30) end
  for _ = 1, 16 do step.muzzle(turn()) end
end

function tests.a_tank_drives_and_keeps_to_the_arena(t)
  local room = t:room {}
  local ann = room:join("ann")
  ann:input { mx = 1, my = 0, aim = 1 }
  room:run(1)
  local tank = room:entities("tank")[1]
  t:near(tank.x, 100 + 120, 0.25)
  t:near(tank.y, 500, 0.25)
  t:near(tank.turret, 1, 0.01)
  ann:input { mx = 0, my = 1 }
  room:run(10)
  t:near(room:entities("tank")[1].y, 1000, 0.125)
end

function tests.places_are_taken_again_when_somebody_leaves(t)
  local room = t:room {}
  local players = {}
  for i = 1, 8 do players[i] = room:join("p" .. i) end
  t:ok(room:refused("one too many"))
  players[3]:leave()
  t:equal(#room:entities("tank"), 7)
  local late = room:join("late")
  for _, tank in ipairs(room:entities("tank")) do
    if tank.owner == late.id then t:near(tank.x, 300, 0.125) end
  end
end

function tests.a_bullet_flies_for_a_second(t)
  local room = t:room {}
  local ann = room:join("ann")
  ann:input { aim = 0, fire = 2 }
  room:step()
  t:equal(#room:entities("bullet"), 2, "two presses in one tick")
  room:step(10)
  local bullet = room:entities("bullet")[1]
  t:near(bullet.x, 100 + 400 * 10 / 30, 2)
  room:run(1)
  t:equal(room:entities("bullet"), {})
end

function tests.chats_are_counted_and_reach_everybody(t)
  local room = t:room {}
  local ann, bob = room:join("ann"), room:join("bob")
  ann:send("chat", { text = "hello" })
  ann:send("chat", "no table")
  t:equal(bob:received("chat"), { { from = { player = ann.id }, text = "hello" } })
  t:equal(room.state.chats, 1)
  t:equal(bob:call("echo", { n = 7 }), { n = 7 })
end

return tests
