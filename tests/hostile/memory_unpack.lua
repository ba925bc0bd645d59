-- A hundred million results.
-- expect: error or overrun

return { tick = function() return unpack({}, 1, 1e8) end }
