-- Replaces what may only be changed.
-- expect: error

return { inputs = { fire = field.press() }, input = function(room, player) pcall(function() room.state = {} end) pcall(function() room.tick = 5 end) player.secret = {} end }
