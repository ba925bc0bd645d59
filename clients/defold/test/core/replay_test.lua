-- Ten seconds of tank8 as a server sent them, with its hashes: the state, the documents and what is shown.

local document = require "airboat.document"
local frames = require "airboat.frames"
local hash = require "airboat.hash"
local mirror = require "airboat.mirror"
local replay = require "test.core.replay"
local schema = require "airboat.schema"
local support = require "test.core.support"

local tests = {}
local answer, snapshots, all = replay.load("test/core/tank8.frames")

local function fresh(crowd)
  local mirrored = mirror.new(schema.read(answer.schema), crowd or function() end)
  mirrored.me = answer.player
  mirrored:restart(answer.epoch, answer.tick, answer.snapshot, answer.input - 1)
  return mirrored
end

local function compare_hashes(branches)
  local mirrored, documents = fresh(), document.new(function() end)
  documents:restart(answer.documents)
  -- The hash of a tick may come before its snapshot or after it.
  local worlds, told, checked = {}, {}, 0
  for _, frame in ipairs(all) do
    if frame:byte(1) == frames.SNAPSHOT then
      local tick = assert(mirrored:apply(frame, branches))
      if tick % 30 == 0 then worlds[tick] = hash.world(mirrored.world) end
    else
      local array = frames.read_array(frame)
      if array[1] == frames.DOCUMENT then documents:patch(array[4], array[5]) end
      if array[1] == frames.HASH then
        told[array[3]] = array[4]
        support.equal(hash.documents(documents.state, documents.players), array[5], "documents at " .. array[3])
      end
    end
  end
  for tick, wanted in pairs(told) do
    if worlds[tick] then
      support.equal(worlds[tick], wanted, "world at " .. tick)
      checked = checked + 1
    end
  end
  assert(checked >= 10, checked)
end

function tests.every_hash_is_the_servers()
  compare_hashes(false)
  compare_hashes(true)
end

-- Changed in place or made anew beside the old ones, states tell the same.
function tests.branches_tell_what_changes_in_place_do()
  local told = { {}, {} }
  for n, log in ipairs(told) do
    local mirrored = fresh(function(event, entity) log[#log + 1] = event .. " " .. entity.class .. " " .. entity.id end)
    for _, frame in ipairs(snapshots) do
      mirrored:apply(frame, n == 2)
      mirrored:advance(mirrored.tick - 2.5, mirrored.tick + 1)
      for _, class in ipairs { "tank", "bullet" } do
        local ids = {}
        for id in pairs(mirrored:entities(class)) do ids[#ids + 1] = id end
        table.sort(ids)
        for _, id in ipairs(ids) do
          local entity = mirrored:entities(class)[id]
          log[#log + 1] = ("%d %.6f %.6f %.6f"):format(id, entity.x, entity.view.x, entity.view.y)
        end
      end
    end
  end
  assert(#told[1] > 2000, #told[1])
  for i, line in ipairs(told[1]) do support.equal(told[2][i], line, "line " .. i) end
  support.equal(#told[2], #told[1])
end

function tests.views_move_evenly_and_entities_keep_their_tables()
  local spawned, gone = 0, 0
  local mirrored = fresh(function(event) if event == "spawn" then spawned = spawned + 1 else gone = gone + 1 end end)
  local tanks = mirrored:entities("tank")
  local seen, last = {}, {}
  local step = 120 / 30 -- units a tick, and a quantum for rounding
  for i, frame in ipairs(snapshots) do
    mirrored:apply(frame)
    for part = 0, 1 do
      mirrored:advance(mirrored.tick - 2 + part / 2, mirrored.tick + 1)
      for id, tank in pairs(tanks) do
        seen[id] = seen[id] or tank
        support.equal(tank == seen[id], true, "the same table")
        local x, y = tank.view.x, tank.view.y
        if last[id] and i > 3 then
          local far = math.sqrt((x - last[id][1]) ^ 2 + (y - last[id][2]) ^ 2)
          assert(far <= step / 2 + 0.25, ("tank %d leaps by %g"):format(id, far))
        end
        last[id] = { x, y }
      end
    end
  end
  assert(spawned > 30 and gone > 20, ("%d came, %d went"):format(spawned, gone))
end

-- What is one's own and flies is shown ahead of the others, and ends by itself.
function tests.ones_own_shots_are_shown_at_ones_own_time()
  local mirrored = fresh()
  local bullets = mirrored:entities("bullet")
  local own, others = 0, 0
  for _, frame in ipairs(snapshots) do
    mirrored:apply(frame)
    local view_tick, own_tick = mirrored.tick - 3, mirrored.tick + 2
    mirrored:advance(view_tick, own_tick)
    for _, bullet in pairs(bullets) do
      local mine = bullet.owner == answer.player
      local tick = mine and own_tick or view_tick
      if mine then own = own + 1 else others = others + 1 end
      assert(bullet.ends == 0 or bullet.ends > view_tick)
      support.close(bullet.view.x, bullet.x + bullet.vx * (tick - bullet.since) / 30, 1e-6, "x of a bullet")
      assert(bullet.alive)
    end
  end
  assert(own > 10 and others > 100, ("%d own, %d others"):format(own, others))
end

-- The link broke, and everything comes anew: whoever is still there keeps its table.
function tests.a_join_answer_in_the_middle_keeps_what_is_still_there()
  local mirrored = fresh()
  local tanks = mirrored:entities("tank")
  local before = {}
  for id, tank in pairs(tanks) do before[id] = tank end
  for i = 1, 200 do
    mirrored:apply(snapshots[i])
    mirrored:advance(mirrored.tick - 1)
  end
  mirrored:restart(answer.epoch + 1, 7, answer.snapshot, 0)
  support.equal(mirrored:entities("tank") == tanks, true)
  for id, tank in pairs(before) do support.equal(tanks[id] == tank and tank.alive, true, "tank " .. id) end
  for _, bullet in pairs(mirrored:entities("bullet")) do error("bullet left over: " .. bullet.id) end
end

function tests.a_partial_state_is_marked()
  local mirrored = fresh()
  support.equal(mirrored.report.partial, false)
  local frame = snapshots[1]
  mirrored:apply(frame:sub(1, 1) .. string.char(frame:byte(2) + 2) .. frame:sub(3))
  support.equal(mirrored.report.partial, true)
  mirrored:apply(snapshots[2])
  support.equal(mirrored.report.partial, false)
end

support.run(tests)
