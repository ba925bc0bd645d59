-- A gigabyte in one call.
-- expect: error or overrun

return { tick = function() return ("x"):rep(1e9) end }
