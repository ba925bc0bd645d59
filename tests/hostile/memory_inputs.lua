-- Keeps every input and a megabyte with it.
-- expect: memory or overrun

local kept = {}
return {
  inputs = { fire = field.press() },
  input = function(room, _, input) kept[#kept + 1] = { input, ("i"):rep(1e6) .. room.tick .. #kept, ("i"):rep(1e6) .. #kept } end,
}
