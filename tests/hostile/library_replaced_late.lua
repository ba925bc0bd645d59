-- Lies in wait in the libraries for what the engine loads late: the past, the store, grids, what bots see.
-- expect: harmless

local select, pairs, type, spying = select, pairs, type, false
local function lurk(f)
  return function(...)
    while spying do end -- the engine came this way
    return f(...)
  end
end
for _, library in pairs { _G, string, table, math, bit, coroutine, os } do
  for name, f in pairs(library) do
    if type(f) == "function" and f ~= list then library[name] = lurk(f) end
  end
end
math.random()
os.clock()
local x = field.number(0, 100)
return {
  bots = 2,
  entities = { box = { fields = { x = x, y = x } } },
  inputs = { mx = field.number(-1, 1) },
  answers = { loaded = function() spying = false end },
  input = function(room, player)
    spying = true
    local step, walk = room:seen(player):each("box")
    local ghost = step(walk)
    local near = room:seen(player):nearest("box", 1, 1)
    local all = room:seen(player):within("box", 1, 1, 50)
    spying = false
  end,
  tick = function(room)
    spying = true
    if room.tick < 20 then
      for _ = 1, 20 do room:spawn("box", { x = 1, y = 2 }) end
    end
    for _ = 1, 6 do room:nearest("box", 50, 50, 10) end
    room.store:set("key", 1)
    room.store:get("key", "loaded")
    spying = false
  end,
  bot = function(room)
    spying = true
    local box, far = room:nearest("box", 1, 1)
    spying = false
    return { mx = 1 }
  end,
}
