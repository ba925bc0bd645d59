-- A replacement that never comes back.
-- expect: overrun

return { tick = function() return (("x"):rep(100):gsub(".", function() while true do end end)) end }
