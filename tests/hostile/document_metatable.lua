-- A document's own metatable loops.
-- expect: harmless or error or overrun

return {
  open = function(room)
    local function spin() while true do end end
    setmetatable(room.state, { __index = spin, __newindex = spin, __len = spin, __pairs = spin, __tostring = spin })
  end,
  tick = function(room) rawset(room.state, "tick", room.tick) end,
}
