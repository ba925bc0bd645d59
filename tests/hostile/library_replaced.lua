-- Replaces the library functions that an engine would lean on.
-- expect: overrun or harmless or error

local function spin() while true do end end
for _, library in pairs { string, table, math, bit, coroutine, os } do for name in pairs(library) do library[name] = spin end end
pairs, ipairs, next, type, tostring, select, rawget, rawset, unpack, setmetatable, getmetatable, error, pcall, require =
  spin, spin, spin, spin, spin, spin, spin, spin, spin, spin, spin, spin, spin, spin
return {
  entities = { box = { fields = { x = field.number(0, 1) } } },
  tick = function(room) room:spawn("box", { x = 1 }) room:broadcast("x", { 1 }) room.state.x = room:random(5) end,
}
