-- A document of a megabyte.
-- expect: error or overrun

return { open = function(room) room.state.text = ("x"):rep(1e6) end }
