-- Run with `airboat module test modules/warbattles`: the rules as players meet them, and the vectors of shared/step.lua
-- that clients in other languages are held against.

local path = require "airboat.path"
local map = require "shared.map"
local tests = {}

-- Vectors ------------------------------------------------------------------------------------------------------------

local function turn() return math.random(-512, 511) / 1024 * 2 * math.pi end

local function soldier_somewhere(near_edge)
  return {
    x = near_edge and math.random(8, 12) or math.random(64, 7616) / 8,
    y = near_edge and 720 - math.random(8, 12) or math.random(64, 5696) / 8,
    heading = turn(), moving = math.random(2) == 1,
  }
end

function tests.step_vectors(t)
  t:seed(5)
  local step = t:vectors "shared.step"
  -- Each of the nine directions, at large and in a corner, at two tick rates.
  for direction = 0, 8 do
    local input = { mx = direction % 3 - 1, my = math.floor(direction / 3) - 1, fire = 0 }
    for i = 1, 4 do step.walk(soldier_somewhere(i > 2), input, i % 2 == 0 and 1 / 30 or 1 / 60) end
  end
  -- One after the other, as a client replays them: rounding must not add up differently.
  local soldier = soldier_somewhere(false)
  for _ = 1, 16 do
    step.walk(soldier, { mx = math.random(-1, 1), my = math.random(-1, 1), fire = math.random(0, 1) }, 1 / 30)
  end
  for i = 1, 12 do step.toward(turn(), i % 2 == 0 and step.ROCKET_SPEED or step.SHELL_SPEED) end
end

-- Playing ------------------------------------------------------------------------------------------------------------

local function mine(room, class, player)
  for _, one in ipairs(room:entities(class)) do
    if one.owner == player.id then return one end
  end
end

local function count(list) return #list end

-- The stick pushed towards the middle of the field, where a rocket has a way to fly.
local function inwards(room, player)
  local me = mine(room, "soldier", player)
  return me.x < 480 and 1 or -1, me.y < 360 and 1 or -1
end

-- Presses the stick towards the nearest tank's line and fires whenever it is on it, until `done` or a minute is over.
local function hunt(room, player, done)
  for _ = 1, 30 * 60 do
    if done() then return true end
    local me, best, least = mine(room, "soldier", player), nil, math.huge
    for _, tank in ipairs(me and room:entities("tank") or {}) do
      local far = math.sqrt((tank.x - me.x) ^ 2 + (tank.y - me.y) ^ 2)
      if far < least then best, least = tank, far end
    end
    local input = {}
    if best then
      local dx, dy = best.x - me.x, best.y - me.y
      local lined_up = math.abs(dx) < 6 or math.abs(dy) < 6
      if lined_up and least < 170 then
        if math.abs(dx) < 6 then input.my = dy > 0 and 1 or -1 else input.mx = dx > 0 and 1 or -1 end
        input.fire = room.tick % 6 == 0
      elseif math.abs(dx) < math.abs(dy) then
        input.mx = dx > 0 and 1 or -1
      else
        input.my = dy > 0 and 1 or -1
      end
    end
    player:input(input)
    room:step()
  end
  return false
end

function tests.who_joins_gets_a_soldier_and_tanks_to_shoot_at(t)
  local room = t:room { seed = 1, bots = 0 }
  local ann = room:join("ann")
  t:ok(mine(room, "soldier", ann), "a soldier")
  t:equal(count(room:entities("tank")), 6)
  local bob = room:join("bob")
  t:equal(count(room:entities("tank")), 8, "two more for one more")
  t:equal(room.state.score, { [ann.id] = 0, [bob.id] = 0 })
  local watcher = room:join("watcher", { kind = "spectator" })
  t:equal(mine(room, "soldier", watcher), nil)
  t:equal(room.state.score[watcher.id], nil)
end

function tests.nobody_appears_beside_a_tank(t)
  local room = t:room { seed = 2, bots = 0 }
  for i = 1, 8 do room:join("p" .. i) end
  room:step()
  for _, soldier in ipairs(room:entities("soldier")) do
    for _, tank in ipairs(room:entities("tank")) do
      local far = math.sqrt((tank.x - soldier.x) ^ 2 + (tank.y - soldier.y) ^ 2)
      t:ok(far > 60, ("a soldier %.0f units from a tank"):format(far))
    end
  end
end

function tests.tanks_keep_to_their_paths(t)
  local room = t:room { seed = 3, bots = 0 }
  room:join("ann")
  local ways = {}
  for i, points in ipairs(map.paths) do ways[i] = path.new(points, true) end
  for _ = 1, 20 do
    room:run(1)
    for _, tank in ipairs(room:entities("tank")) do
      local least = math.huge
      for _, way in ipairs(ways) do
        for along = 0, way.length, 4 do
          local x, y = path.at(way, along)
          least = math.min(least, (tank.x - x) ^ 2 + (tank.y - y) ^ 2)
        end
      end
      t:ok(least < 16, ("tank %d is %.1f off every path"):format(tank.id, math.sqrt(least)))
    end
  end
end

function tests.a_tank_is_a_hundred_points_and_comes_back(t)
  local room = t:room { seed = 4, bots = 0 }
  local ann, bob = room:join("ann"), room:join("bob")
  t:ok(hunt(room, ann, function() return room.state.score[ann.id] >= 100 end), "a hit within a minute")
  t:equal(room.state.score, { [ann.id] = 100, [bob.id] = 0 })
  t:equal(room.state.best, { name = "ann", score = 100 })
  local booms = {}
  for _, boom in ipairs(bob:received("boom")) do
    if boom.kind == "tank" then booms[#booms + 1] = boom end
  end
  t:equal(#booms, 1, "bob is told of one tank")
  t:equal(booms[1].by, { player = ann.id })
  t:equal(count(room:entities("tank")), 7)
  ann:input {}
  room:run(4.5)
  t:equal(count(room:entities("tank")), 8, "it is back elsewhere")
end

function tests.one_press_is_one_rocket_and_reloading_takes_its_time(t)
  local room = t:room { seed = 5, bots = 0 }
  local ann = room:join("ann")
  room:step()
  local mx, my = inwards(room, ann)
  ann:input { mx = mx, my = my, fire = 3 }
  room:step()
  t:equal(count(room:entities("rocket")), 1)
  room:step(4)
  t:equal(count(room:entities("rocket")), 1, "still reloading")
  room:step(1)
  t:equal(count(room:entities("rocket")), 2, "the presses are kept")
  room:step(5)
  t:equal(count(room:entities("rocket")), 3)
  room:run(2)
  t:equal(room:entities("rocket"), {}, "a rocket flies for a second at most")
end

function tests.rockets_fly_where_the_soldier_looks(t)
  local room = t:room { seed = 6, bots = 0 }
  local ann = room:join("ann")
  room:step()
  local mx, my = inwards(room, ann)
  ann:input { mx = mx, my = my }
  room:step(3)
  ann:input { mx = mx, my = my, fire = true }
  room:step()
  t:near(mine(room, "soldier", ann).heading, math.atan2(my, mx) % (2 * math.pi), 0.01)
  local before = room:entities("rocket")[1]
  ann:input {}
  room:step(6)
  local after = room:entities("rocket")[1]
  local far = 200 * 6 / 30 / math.sqrt(2)
  t:near(after.x - before.x, mx * far, 0.5)
  t:near(after.y - before.y, my * far, 0.5)
  t:equal(after.owner, ann.id)
end

-- Tanks shoot back at whoever stands still; a soldier that is hit comes back and loses nothing.
function tests.a_soldier_that_is_hit_comes_back_with_all_points(t)
  local room = t:room { seed = 7, bots = 0 }
  local ann = room:join("ann")
  t:ok(hunt(room, ann, function() return room.state.score[ann.id] >= 100 end), "a hit within a minute")
  local function hit()
    for _, boom in ipairs(ann:received("boom")) do
      if boom.kind == "soldier" then return true end
    end
    return false
  end
  -- Walks up to a tank and stays in its sight.
  for _ = 1, 120 do
    if hit() then break end
    local me, tank = mine(room, "soldier", ann), room:entities("tank")[1]
    if me and tank then
      local dx, dy = tank.x - me.x, tank.y - me.y
      local close = dx * dx + dy * dy < 70 * 70
      local sign = function(n) return n > 8 and 1 or n < -8 and -1 or 0 end
      ann:input(close and {} or { mx = sign(dx), my = sign(dy) })
    end
    room:run(0.5)
  end
  t:ok(hit(), "hit within a minute")
  t:ok(room.state.score[ann.id] >= 100)
  local points = room.state.score[ann.id]
  ann:input {}
  room:run(3)
  t:ok(mine(room, "soldier", ann), "back on its feet")
  t:equal(room.state.score[ann.id], points)
end

function tests.who_leaves_takes_soldier_and_score_along(t)
  local room = t:room { seed = 8, bots = 0 }
  local ann, bob = room:join("ann"), room:join("bob")
  room:step()
  bob:input { fire = true }
  room:step()
  bob:leave()
  room:step()
  t:equal(mine(room, "soldier", bob), nil)
  t:equal(room.state.score, { [ann.id] = 0 })
  room:run(10) -- bob's rocket, tanks and timers go on without him
  t:equal(room.state.score, { [ann.id] = 0 })
end

function tests.a_soldier_does_not_come_back_for_who_has_left(t)
  local room = t:room { seed = 9, bots = 0 }
  local ann, bob = room:join("ann"), room:join("bob")
  room:step()
  local function soldiers() return count(room:entities("soldier")) end
  t:equal(soldiers(), 2)
  bob:leave()
  room:run(5)
  t:ok(soldiers() <= 1)
  t:equal(mine(room, "soldier", bob), nil)
  t:equal(ann.here, true)
end

function tests.a_lost_link_keeps_soldier_and_score(t)
  local room = t:room { seed = 10, bots = 0 }
  local ann = room:join("ann")
  t:ok(hunt(room, ann, function() return room.state.score[ann.id] >= 100 end), "a hit within a minute")
  ann:drop()
  room:run(5)
  t:equal(room.state.score[ann.id], 100)
  ann:back()
  room:run(3)
  t:ok(mine(room, "soldier", ann) or #ann:received("boom") > 1, "there, or just hit")
  t:equal(room.state.score[ann.id], 100)
end

-- Tanks are where they were going, rockets still fly, who waits for a soldier still gets one.
function tests.a_reload_changes_nothing(t)
  local room, twin = t:room { seed = 11, bots = 2 }, t:room { seed = 11, bots = 2 }
  for _, one in ipairs { room, twin } do one:join("ann"):bot() end
  for second = 1, 40 do
    room:run(1)
    twin:run(1)
    if second % 7 == 0 then room:reload() end
    t:equal(room.state, twin.state, "second " .. second)
    for _, class in ipairs { "soldier", "tank", "rocket", "shell" } do
      local ours, theirs = room:entities(class), twin:entities(class)
      t:equal(#ours, #theirs, class .. "s in second " .. second)
      for i = 1, #ours do
        t:equal(ours[i].id, theirs[i].id)
        t:near(ours[i].x, theirs[i].x, 0.5, class)
        t:near(ours[i].y, theirs[i].y, 0.5, class)
      end
    end
  end
  local sum = 0
  for _, points in pairs(room.state.score) do sum = sum + points end
  t:ok(sum > 0, "somebody has hit something meanwhile")
end

function tests.who_comes_alone_has_company_that_makes_room(t)
  local room = t:room { seed = 12 }
  room:join("ann")
  room:step(2)
  t:equal(count(room:entities("soldier")), 3)
  for i = 1, 15 do room:join("p" .. i) end
  room:step(2)
  local scores = 0
  for _ in pairs(room.state.score) do scores = scores + 1 end
  t:equal(scores, 16, "bots have given up their seats")
  t:ok(room:refused("one too many"))
end

return tests
