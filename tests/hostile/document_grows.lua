-- A document that grows for ever.
-- expect: error or overrun

return { tick = function(room) for i = 1, 40 do room.state["tick " .. room.tick .. " " .. i] = ("x"):rep(40) end end }
