-- xpcall, again and again.
-- expect: overrun

return { tick = function() while true do xpcall(function() error "x" end, function() return "y" end) end end }
