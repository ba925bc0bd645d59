-- Metatables that change while a checkpoint is taken would run a script in the middle of it.
-- expect: error or overrun

local function spin() while true do end end
return {
  tick = function(room)
    local trap = room.tick % 2 == 0 and { __index = spin } or { __pairs = spin, __len = spin, __next = spin, __ipairs = spin }
    room.memory.trap = setmetatable(room.memory.trap or {}, trap)
    room.memory[room.tick % 7] = setmetatable({ room.tick }, { __metatable = spin, __tostring = spin, __gc = spin, __mode = "kv" })
  end,
}
