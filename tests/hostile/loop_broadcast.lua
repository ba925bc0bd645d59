-- Broadcasts for ever, errors swallowed.
-- expect: overrun

return { tick = function(room) while true do pcall(room.broadcast, room, "x", { 1, 2, 3 }) end end }
