-- Roles that change a thousand times a tick.
-- expect: harmless or error; turned away

return { inputs = { fire = field.press() }, input = function(room, player) for i = 1, 3000 do player.role = "role " .. i % 7 end end }
