-- Raises nil, booleans, functions and coroutines.
-- expect: error

local values = { false, function() end, coroutine.create(function() end), 0 / 0, {} }
return { tick = function(room) error(values[room.tick % 6 + 1]) end }
