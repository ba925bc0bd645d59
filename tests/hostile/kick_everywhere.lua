-- Kicks in every callback, leave included.
-- expect: harmless; turned away

local function kick(_, player) player:kick "out" player:kick(("x"):rep(1e5)) end
return { inputs = { fire = field.press() }, join = kick, drop = kick, back = kick, leave = kick, input = kick }
