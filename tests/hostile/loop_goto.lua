-- A loop without a loop statement.
-- expect: overrun

return { tick = function() ::again:: goto again end }
